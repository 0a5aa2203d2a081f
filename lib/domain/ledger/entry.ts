/** Ledger entries: what they say, and the exact bytes that say it. */
import { sha256 } from "@noble/hashes/sha2.js";
import { DIGEST_PATTERN } from "../fleet/digests";
import { ROLLOUT_KINDS, type RolloutKind } from "../rollout/statuses";
import { encodeUtf8, isWellFormed, joinBytes, toHex } from "./bytes";
import { CanonicalJsonError, canonicalBytes, parseCanonicalBytes, type JsonObject, type JsonValue } from "./canonical-json";
import { LedgerFormatError, arrayOf, objectOf, objectWith, oneOf, orNull, readCount, readObject, readText, refuse, textMatching, type Reader } from "./shape";

export { LedgerFormatError } from "./shape";

/** Every decision that is recorded. Append only: an entry of a removed type would still be in somebody's log. */
export const ENTRY_TYPES = [
  "ledger-opened",
  "environment-created",
  "environment-changed",
  "service-registered",
  "release-registered",
  "release-approved",
  "approval-withdrawn",
  "assignment-changed",
  "reconverge-started",
  "replace-started",
  "rollout-stopped",
  "hold-placed",
  "hold-lifted",
  "freeze-placed",
  "freeze-lifted",
  "release-recalled",
  "recall-lifted",
  "waiver-granted",
  "waiver-ended",
  "mapping-changed",
  "adopted",
  "observed",
  "pool-created",
  "pool-closed",
  "agent-enrolled",
  "agent-revoked",
  "role-granted",
  "role-revoked",
  "token-created",
  "token-revoked",
  "access-requested",
  "access-granted",
  "access-expired",
  "access-revoked",
  "key-changed",
  "epoch-opened",
  "text-redacted",
  "user-created",
  "user-disabled",
  "strategy-changed",
  "wave-approved",
  "rollback-cleared",
  "recall-lift-agreed",
  "channel-changed",
  "executor-changed",
  "partitions-changed",
  "pinned",
  "unpinned",
  "authority-changed",
  "hook-changed",
  "pool-changed",
  "service-renamed",
  "service-merged",
  "service-aliased",
  "service-unaliased",
  "preview-rule-changed",
  "environment-retired",
] as const;
export type EntryType = (typeof ENTRY_TYPES)[number];

/**
 * The types whose payload is an Assignment: an agent may be told to run what they name, and nothing else. An adoption is none:
 * it says of what runs already that it may, and orders nobody to run it. Neither is what others deploy, which is only observed.
 */
export const ASSIGNING_TYPES = ["assignment-changed", "reconverge-started", "replace-started"] as const satisfies readonly EntryType[];

/** What an entry is about; null means all of them. Who may not see it gets the leaf hash only. */
export type EntryScope = { service: string | null; environment: string | null };

/** An entry as far as every version of the format agrees: `type` may be one that this version does not know. */
export type Envelope = {
  v: 1;
  /** The origin of the log. */
  ledger: string;
  /** The index of its leaf. */
  seq: number;
  type: string;
  /** RFC 3339, UTC, milliseconds; never before the predecessor's. */
  at: string;
  /** The opaque id of who decided; null when nobody did. */
  actor: string | null;
  scope: EntryScope;
  payload: JsonObject;
};
export type Entry = Envelope & { type: EntryType };

export type AssignedComponent = { name: string; repository: string; digests: string[] };
export type ReleaseReference = { release: string; version: string };
export type AssignedRelease = ReleaseReference & { components: AssignedComponent[] };

/**
 * The payload of an assigning entry: what (service, environment, partition) should run from now on. A payload may hold more,
 * such as the hash of its reason; a reader that decides what to run needs this much and leaves the rest out.
 */
export type Assignment = {
  kind: RolloutKind;
  /** The rollout that carries it out; null where none does. */
  rollout: string | null;
  service: string;
  environment: string;
  partition: string;
  from: ReleaseReference | null;
  /** null: nothing should run here. */
  to: AssignedRelease | null;
  /** The hold that it placed. */
  hold: string | null;
  incident: string | null;
};

/** A release that an adoption names: with every digest by which its bytes were seen. */
export type EntryAdoptedRelease = AssignedRelease & { service: string; registered: boolean };

/**
 * The payload of an adoption: what ran and was taken as it is. `approves` says that nothing else lets the release run there;
 * what was left out stays as it was.
 */
export type Adoption = {
  releases: EntryAdoptedRelease[];
  places: { service: string; environment: string; partition: string; release: string; approves: boolean; instances: number }[];
  leftOut: { service: string | null; environment: string; partition: string; component: string; reason: string; digest: string | null; instances: number }[];
};

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const INSTANT = /^(\d{4})-(0[1-9]|1[0-2])-(\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const MIN_SALT_BYTES = 16;

const readInstant: Reader<string> = (value, path) => {
  const [, year = "", month = "", day = ""] = (typeof value === "string" && INSTANT.exec(value)) || [];
  const isLeap = (Number(year) % 4 === 0 && Number(year) % 100 !== 0) || Number(year) % 400 === 0;
  const days = month === "02" && isLeap ? 29 : (DAYS[Number(month) - 1] ?? 0);
  return Number(day) >= 1 && Number(day) <= days ? (value as string) : refuse(path, "an instant such as 2026-01-31T12:00:00.000Z");
};

const readEnvelopeShape: Reader<Envelope> = objectOf({
  v: oneOf([1]),
  ledger: readText,
  seq: readCount,
  type: textMatching(/^[a-z][a-z-]{0,62}$/, "an entry type"),
  at: readInstant,
  actor: orNull(readText),
  scope: objectOf({ service: orNull(readText), environment: orNull(readText) }),
  payload: readObject,
});

const readComponent = objectWith({ name: readText, repository: readText, digests: arrayOf(textMatching(DIGEST_PATTERN, "a digest")) });

const readAssignmentShape: Reader<Assignment> = objectWith({
  kind: oneOf(ROLLOUT_KINDS),
  rollout: orNull(readText),
  service: readText,
  environment: readText,
  partition: readText,
  from: orNull(objectWith({ release: readText, version: readText })),
  to: orNull(objectWith({ release: readText, version: readText, components: arrayOf(readComponent) })),
  hold: orNull(readText),
  incident: orNull(readText),
});

const readAdoptionShape: Reader<Adoption> = objectWith({
  releases: arrayOf(objectWith({ release: readText, service: readText, version: readText, registered: oneOf([true, false]), components: arrayOf(readComponent) })),
  places: arrayOf(objectWith({ service: readText, environment: readText, partition: readText, release: readText, approves: oneOf([true, false]), instances: readCount })),
  leftOut: arrayOf(
    objectWith({ service: orNull(readText), environment: readText, partition: readText, component: readText, reason: readText, digest: orNull(textMatching(DIGEST_PATTERN, "a digest")), instances: readCount }),
  ),
});

/** The bytes of an entry: what is stored, hashed and never written again. Throws LedgerFormatError for what parseEntry would refuse. */
export function encodeEntry(entry: Entry): Uint8Array {
  const bytes = asFormatError(() => canonicalBytes(entry));
  checkEntry(readEnvelopeShape(entry, "entry"));
  return bytes;
}

/** Reads an entry whose type is known; throws LedgerFormatError. Encoding it again gives the same bytes. */
export function parseEntry(bytes: Uint8Array): Entry {
  return checkEntry(parseEnvelope(bytes));
}

/** Reads an entry of any type, as a verifier must that is older than the log; throws LedgerFormatError. */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  return readEnvelopeShape(
    asFormatError(() => parseCanonicalBytes(bytes)),
    "entry",
  );
}

/** What an assigning entry assigns; null for other types. Throws LedgerFormatError when the payload is not an Assignment. */
export function readAssignment(entry: Envelope): Assignment | null {
  return ASSIGNING_TYPES.some((type) => type === entry.type) ? readAssignmentShape(entry.payload, "entry.payload") : null;
}

/** What an adoption took as it was; null for other types. Throws LedgerFormatError when the payload is not an Adoption. */
export function readAdoption(entry: Envelope): Adoption | null {
  return entry.type === "adopted" ? readAdoptionShape(entry.payload, "entry.payload") : null;
}

/**
 * SHA-256(salt ‖ text) in hexadecimal: stands in the entry for a text that is kept beside it and can be redacted. The salt is
 * random, at least 16 bytes, and leaves with the text; without it nobody can guess what a short reason was.
 */
export function textHash(salt: Uint8Array, text: string): string {
  if (salt.length < MIN_SALT_BYTES) throw new RangeError(`a salt has at least ${MIN_SALT_BYTES} bytes`);
  if (!isWellFormed(text)) throw new LedgerFormatError("the text holds a lone surrogate");
  return toHex(sha256(joinBytes(salt, encodeUtf8(text))));
}

function checkEntry(entry: Envelope): Entry {
  const type = ENTRY_TYPES.find((known) => known === entry.type);
  if (!type) return refuse("entry.type", "a known entry type");
  readAssignment(entry);
  readAdoption(entry);
  return { ...entry, type };
}

function asFormatError<T extends JsonValue | Uint8Array>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CanonicalJsonError) throw new LedgerFormatError(`entry: ${error.message}`, { cause: error });
    throw error;
  }
}
