import { previewRuleDto, previewRulePage, putPreviewRuleRequest } from "@/lib/contract/previews";
import { handle } from "@/server/http/handle";
import { listPreviewRules } from "@/server/previews/list-preview-rules";
import { putPreviewRule } from "@/server/previews/put-preview-rule";

export const GET = handle({ verb: "preview-rules.list", summary: "By which rules preview environments are made, and how many there are", auth: "session", output: previewRulePage, run: listPreviewRules });

export const PUT = handle({
  verb: "preview-rules.write",
  summary: "Make or change a rule by which preview environments come and go",
  auth: "session",
  input: { body: putPreviewRuleRequest },
  output: previewRuleDto,
  run: ({ ctx, input }) => putPreviewRule({ ctx, input: input.body }),
});
