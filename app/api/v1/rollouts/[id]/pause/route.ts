import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { rolloutDto, steerRequest } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { pauseRollout } from "@/server/rollouts/steer-rollout";

export const POST = handle({
  verb: "rollouts.pause",
  summary: "Make no new offers; replacements that run finish",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: steerRequest },
  output: rolloutDto,
  run: ({ ctx, input }) => pauseRollout({ ctx, input: { ...input.params, ...input.body } }),
});
