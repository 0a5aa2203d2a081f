import type { PreviewRuleDto } from "@/lib/contract/previews";
import type { Page } from "@/lib/contract/primitives";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { loadPreviewRules } from "./load-preview-rules";

/** The rules by which previews are made, of templates that the reader may see. @throws AppError forbidden */
export async function listPreviewRules({ ctx }: { ctx: Ctx }): Promise<Page<PreviewRuleDto>> {
  authorise(ctx, "fleet.read");
  const rules = await loadPreviewRules(ctx.db);
  return { items: rules.filter(({ template }) => visibleTo(ctx, "fleet.read", { environment: template })), nextCursor: null };
}
