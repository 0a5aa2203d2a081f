import { z } from "zod";
import { count, freeText, instant, name, page, uuid } from "./primitives";

/** A name in which * stands for any characters, with a letter or digit of its own: `*` alone would be every name. */
export const previewPattern = z.string().max(63).regex(/^(?=.*\*)(?=.*[a-z0-9])[a-z0-9*][a-z0-9._*-]+$/, "must be a name with a *, such as pr-*");

/** PUT /api/v1/preview-rules: makes a rule, or changes what stands under its pattern. */
export const putPreviewRuleRequest = z.strictObject({
  pattern: previewPattern,
  /** The environment whose policies a preview has: mode, protection, approvals, strategy. */
  template: name,
  /** How long nothing may report for a preview before it ends. */
  ttlMinutes: z.int().min(5).max(60 * 24 * 90).default(60 * 24),
  /** No more than so many at the same time. */
  maxEnvironments: count.min(1).max(1_000).default(200),
  /** The pools whose hosts may report for them. */
  pools: z.array(name).max(100),
});
export const removePreviewRuleRequest = z.strictObject({ pattern: previewPattern, reason: freeText });

export const previewRuleDto = z.strictObject({
  id: uuid,
  pattern: z.string(),
  template: z.string(),
  ttlMinutes: z.number(),
  maxEnvironments: z.int(),
  pools: z.array(z.string()),
  /** How many there are now. */
  environments: count,
  /** How often a preview was not made because there were as many already, and the last of them. */
  refused: count,
  lastRefused: z.strictObject({ name: z.string(), at: instant }).nullable(),
});
export type PreviewRuleDto = z.infer<typeof previewRuleDto>;
export const previewRulePage = page(previewRuleDto);
