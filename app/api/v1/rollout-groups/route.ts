import { groupDto, groupRequest } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { startGroup } from "@/server/rollouts/groups/start-group";

export const POST = handle({
  verb: "rollout-groups.start",
  summary: "Several services at once: an environment as it was at a moment, or away from a recalled release",
  auth: "session",
  input: { body: groupRequest },
  output: groupDto,
  status: 202,
  run: ({ ctx, input }) => startGroup({ ctx, input: input.body }),
});
