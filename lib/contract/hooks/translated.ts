import type { AnnounceRequest } from "@/lib/contract/deployments";
import { sanitizeName } from "@/lib/domain/fleet/names";

/** What another system's message comes to: an announcement, or nothing, and why. */
export type Translated = { announce: AnnounceRequest } | { ignored: string };

/** The name in an id such as `service/myapp` or `acme/payments`; the text itself where no name is in it, which is then refused by name. */
export function nameIn(id: string): string {
  return sanitizeName(id.slice(id.lastIndexOf("/") + 1)) ?? id;
}

/** What names the release: bytes before a commit or version, since a tag may move. */
export function releaseFrom({ digest, version, commit }: { digest?: string | undefined; version?: string | undefined; commit?: string | undefined }): Pick<AnnounceRequest, "digest" | "version" | "commit"> | null {
  if (digest) return { digest: digest.toLowerCase() };
  if (version) return { version };
  return commit ? { commit: commit.toLowerCase() } : null;
}

/** At most so much of a text, and nothing where there is none. */
export function cut(text: string | null | undefined, most = 200): string | undefined {
  const trimmed = text?.trim();
  return trimmed ? trimmed.slice(0, most) : undefined;
}

/** An address, where it is one that a page may link to. */
export function linkFrom(text: string | null | undefined): string | undefined {
  return text && text.length <= 2_000 && URL.canParse(text) && /^https?:/i.test(text) ? text : undefined;
}

/** Only what is there: an announcement has no empty fields. */
export function withoutGaps<T extends Record<string, unknown>>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}
