import { listRolloutsQuery, rolloutPage } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { listRollouts } from "@/server/rollouts/list-rollouts";

export const GET = handle({
  verb: "rollouts.list",
  summary: "Rollouts, newest first",
  auth: "session",
  input: { query: listRolloutsQuery },
  output: rolloutPage,
  run: ({ ctx, input }) => listRollouts({ ctx, input: input.query }),
});
