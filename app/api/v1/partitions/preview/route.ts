import { partitionsPreview, previewPartitionsRequest } from "@/lib/contract/partitions";
import { handle } from "@/server/http/handle";
import { previewPartitions } from "@/server/partitions/preview-partitions";

export const POST = handle({
  verb: "partitions.preview",
  summary: "What declaring these partitions would do, and why it may not be done",
  auth: "session",
  input: { body: previewPartitionsRequest },
  output: partitionsPreview,
  run: ({ ctx, input }) => previewPartitions({ ctx, input: input.body }),
});
