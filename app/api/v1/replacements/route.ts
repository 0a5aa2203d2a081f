import { replaceRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { startReplace } from "@/server/rollouts/start-replace";

export const POST = handle({
  verb: "rollouts.replace",
  summary: "New copies from the digest that is assigned",
  auth: "session",
  input: { body: replaceRequest },
  output: rolloutDto,
  status: 202,
  run: ({ ctx, input }) => startReplace({ ctx, input: input.body }),
});
