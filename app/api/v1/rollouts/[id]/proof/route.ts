import { z } from "zod";
import { decisionProof } from "@/lib/contract/executors";
import { uuid } from "@/lib/contract/primitives";
import { getRolloutProof } from "@/server/executors/get-rollout-proof";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "rollouts.proof",
  summary: "The decision behind a rollout, with its proof",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: decisionProof,
  run: ({ ctx, input }) => getRolloutProof({ ctx, input: input.params }),
});
