import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { rolloutDto, steerRequest } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { abortRollout } from "@/server/rollouts/steer-rollout";

export const POST = handle({
  verb: "rollouts.abort",
  summary: "Stop here: what was offered stays as it is",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: steerRequest },
  output: rolloutDto,
  run: ({ ctx, input }) => abortRollout({ ctx, input: { ...input.params, ...input.body } }),
});
