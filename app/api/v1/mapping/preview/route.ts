import { mappingPreview, previewMappingRequest } from "@/lib/contract/mapping";
import { handle } from "@/server/http/handle";
import { previewMapping } from "@/server/mapping/preview-mapping";

export const POST = handle({
  verb: "mapping.preview",
  summary: "What rules would do to the fleet as it is now",
  auth: "session",
  input: { body: previewMappingRequest },
  output: mappingPreview,
  run: ({ ctx, input }) => previewMapping({ ctx, input: input.body }),
});
