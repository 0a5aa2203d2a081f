import { previewRuleDto, removePreviewRuleRequest } from "@/lib/contract/previews";
import { handle } from "@/server/http/handle";
import { removePreviewRule } from "@/server/previews/remove-preview-rule";

export const POST = handle({
  verb: "preview-rules.remove",
  summary: "Take a rule away; the previews that are there end by themselves",
  auth: "session",
  input: { body: removePreviewRuleRequest },
  output: previewRuleDto,
  run: ({ ctx, input }) => removePreviewRule({ ctx, input: input.body }),
});
