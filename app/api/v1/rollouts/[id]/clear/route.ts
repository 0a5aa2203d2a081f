import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { clearRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { clearRollback } from "@/server/rollouts/clear-rollback";

export const POST = handle({
  verb: "rollouts.clear",
  summary: "Say that a rollback was a mistake: what it left may be a last known good again",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), body: clearRequest },
  output: rolloutDto,
  run: ({ ctx, input }) => clearRollback({ ctx, input: { ...input.params, ...input.body } }),
});
