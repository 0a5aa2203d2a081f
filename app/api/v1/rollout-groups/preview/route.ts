import { groupPreview, groupPreviewQuery } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { previewGroup } from "@/server/rollouts/groups/preview-group";

export const GET = handle({
  verb: "rollout-groups.preview",
  summary: "What one confirmation for several services would do, place by place",
  auth: "session",
  input: { query: groupPreviewQuery },
  output: groupPreview,
  run: ({ ctx, input }) => previewGroup({ ctx, input: input.query }),
});
