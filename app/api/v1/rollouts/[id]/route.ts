import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { rolloutDetail } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { getRollout } from "@/server/rollouts/get-rollout";

export const GET = handle({
  verb: "rollouts.get",
  summary: "One rollout with its waves, what is stuck and why, and what happened",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: rolloutDetail,
  run: ({ ctx, input }) => getRollout({ ctx, input: input.params }),
});
