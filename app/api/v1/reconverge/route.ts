import { reconvergeRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { startReconverge } from "@/server/rollouts/start-reconverge";

export const POST = handle({
  verb: "rollouts.reconverge",
  summary: "Carry the assigned release out again where something else runs",
  auth: "session",
  input: { body: reconvergeRequest },
  output: rolloutDto,
  status: 202,
  run: ({ ctx, input }) => startReconverge({ ctx, input: input.body }),
});
