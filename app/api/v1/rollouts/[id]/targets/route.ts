import { z } from "zod";
import { rolloutTargetPage, rolloutTargetsQuery } from "@/lib/contract/executors";
import { uuid } from "@/lib/contract/primitives";
import { listRolloutTargets } from "@/server/executors/list-rollout-targets";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "rollouts.targets",
  summary: "Everyone who takes part in a rollout, by pages",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }), query: rolloutTargetsQuery },
  output: rolloutTargetPage,
  run: ({ ctx, input }) => listRolloutTargets({ ctx, input: { ...input.params, ...input.query } }),
});
