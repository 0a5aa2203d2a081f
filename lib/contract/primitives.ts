import { z } from "zod";
import { NAME_PATTERN } from "@/lib/domain/fleet/names";

/** Strings, numbers and names as they travel. Limits are part of the contract: nothing is unbounded. */

/** Characters that nobody sees and that make text read as another: controls (but tab and line feed) and direction marks. */
const HIDDEN = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const ANY_HIDDEN = new RegExp(HIDDEN.source, "u");
/** Text without hidden characters, as it is kept and shown. */
export function stripHidden(text: string): string {
  return ANY_HIDDEN.test(text) ? text.replace(HIDDEN, "") : text;
}
/** A string that is kept and shown without hidden characters. */
export const shownText = z.string().overwrite(stripHidden);

/** A service, environment, partition, component or pool name (domain.md "Wire formats"). */
export const name = z.string().max(63).regex(NAME_PATTERN, "must be 1 to 63 characters of a-z, 0-9, '.', '_', '-', beginning with a letter or digit");
/** `sha256:<64 hex>` or `sha512:<128 hex>`, lower case (OCI image-spec, "Digests"). */
export const digest = z.string().regex(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, "must be sha256:<64 hex digits> or sha512:<128 hex digits>; other algorithms are not accepted");
/** RFC 3339, UTC or with an offset, at most millisecond precision is kept. */
export const instant = z.iso.datetime({ offset: true });
export const uuid = z.uuid();
export const shortText = shownText.trim().min(1).max(200);
/** A person's reason or note: free text, kept beside the ledger entry and redactable. */
export const freeText = shownText.trim().min(1).max(2_000);
export const count = z.int().min(0).max(10_000_000);
/** A counter that PostgreSQL keeps as bigint and JavaScript as a safe integer. */
export const counter = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const httpUrl = z.url({ protocol: /^https?$/ }).max(2_000);
/** Which part of (service, environment) something is about. */
export const partition = name.default("default");

export const cursor = z.string().min(1).max(500);
export const limit = z.coerce.number().int().min(1).max(500).default(100);

/** One page of a list: `nextCursor` is null on the last page. */
export function page<T extends z.ZodType>(item: T) {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() });
}
export type Page<T> = { items: T[]; nextCursor: string | null };
