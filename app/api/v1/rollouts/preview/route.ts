import { rolloutPreview, rolloutPreviewQuery } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { previewRollout } from "@/server/rollouts/preview-rollout";

export const GET = handle({
  verb: "rollouts.preview",
  summary: "What a rollout of any kind would do, and why it may or may not start",
  auth: "session",
  input: { query: rolloutPreviewQuery },
  output: rolloutPreview,
  run: ({ ctx, input }) => previewRollout({ ctx, input: input.query }),
});
