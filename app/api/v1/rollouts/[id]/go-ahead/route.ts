import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { goAheadRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { goAhead } from "@/server/rollouts/steer-rollout";

export const POST = handle({
  verb: "rollouts.go-ahead",
  summary: "A person's go-ahead for a wave that waits for one",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: goAheadRequest },
  output: rolloutDto,
  run: ({ ctx, input }) => goAhead({ ctx, input: { ...input.params, ...input.body } }),
});
