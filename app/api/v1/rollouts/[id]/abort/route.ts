import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { abortRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { abortRollout } from "@/server/rollouts/steer-rollout";

export const POST = handle({
  verb: "rollouts.abort",
  summary: "Stop here, or stop and put back what was assigned before",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: abortRequest },
  output: rolloutDto,
  run: ({ ctx, input }) => abortRollout({ ctx, input: { ...input.params, ...input.body } }),
});
