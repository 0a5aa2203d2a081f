import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { rolloutDto, steerRequest } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { resumeRollout } from "@/server/rollouts/steer-rollout";

export const POST = handle({
  verb: "rollouts.resume",
  summary: "Go on with a paused rollout",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: steerRequest },
  output: rolloutDto,
  run: ({ ctx, input }) => resumeRollout({ ctx, input: input.params }),
});
