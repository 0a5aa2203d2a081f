import { putEnvironmentRequest } from "@/lib/contract/access";
import { environmentDto } from "@/lib/contract/fleet";
import { page } from "@/lib/contract/primitives";
import { listEnvironments } from "@/server/access/list-environments";
import { putEnvironment } from "@/server/access/put-environment";
import { handle } from "@/server/http/handle";

export const GET = handle({ verb: "environments.list", summary: "Environments in their order", auth: "session", output: page(environmentDto), run: listEnvironments });

export const PUT = handle({
  verb: "environments.write",
  summary: "Make or change an environment",
  auth: "session",
  input: { body: putEnvironmentRequest },
  output: environmentDto,
  run: ({ ctx, input }) => putEnvironment({ ctx, input: input.body }),
});
