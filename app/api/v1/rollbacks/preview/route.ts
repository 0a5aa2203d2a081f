import { previewQuery, rollbackPreview } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { previewRollback } from "@/server/rollouts/preview-rollback";

export const GET = handle({
  verb: "rollouts.preview",
  summary: "What a rollback would do, and why it may or may not start",
  auth: "session",
  input: { query: previewQuery },
  output: rollbackPreview,
  run: ({ ctx, input }) => previewRollback({ ctx, input: input.query }),
});
