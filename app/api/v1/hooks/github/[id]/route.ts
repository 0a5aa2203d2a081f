import { z } from "zod";
import { hookAnswer } from "@/lib/contract/hooks";
import { uuid } from "@/lib/contract/primitives";
import { takeGithub } from "@/server/hooks/take-github";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "hooks.github",
  summary: "Announce a deployment of GitHub, by a webhook signed with the hook's secret",
  auth: "none",
  input: { params: z.strictObject({ id: uuid }) },
  output: hookAnswer,
  run: ({ ctx, input, request }) => takeGithub({ ctx, input: input.params, request }),
});
