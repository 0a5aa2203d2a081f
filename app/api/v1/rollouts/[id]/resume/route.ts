import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { resumeRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { resumeRollout } from "@/server/rollouts/steer-rollout";

export const POST = handle({
  verb: "rollouts.resume",
  summary: "Go on with a paused rollout; where a wave failed, say how",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: resumeRequest },
  output: rolloutDto,
  run: ({ ctx, input }) => resumeRollout({ ctx, input: { ...input.params, ...input.body } }),
});
