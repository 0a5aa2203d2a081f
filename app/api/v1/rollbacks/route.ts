import { rollbackRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { startRollback } from "@/server/rollouts/start-rollback";

export const POST = handle({
  verb: "rollouts.rollback",
  summary: "Roll back: a new rollout of an older release",
  auth: "session",
  input: { body: rollbackRequest },
  output: rolloutDto,
  status: 202,
  run: ({ ctx, input }) => startRollback({ ctx, input: input.body }),
});
