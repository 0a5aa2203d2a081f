import { FINDING_CATEGORIES, type FindingCategory } from "./categories";

/**
 * What a waiver may excuse. Two it never may: what somebody recalled runs against a decision, and bytes that nobody knows
 * may be anything. Either is ended by a decision about them, not by looking away.
 */
export const WAIVABLE_CATEGORIES = FINDING_CATEGORIES.filter((category) => category !== "recalled" && category !== "unknown-artifact");
export type WaivableCategory = Exclude<FindingCategory, "recalled" | "unknown-artifact">;

/** How long a waiver may last: whoever wants it longer says so again. */
export const LONGEST_WAIVER_MS = 90 * 86_400_000;

export function isWaivable(kind: string): kind is WaivableCategory {
  return WAIVABLE_CATEGORIES.some((category) => category === kind);
}
