import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUtf8, encodeUtf8 } from "./bytes";
import type { JsonValue } from "./canonical-json";
import { ASSIGNING_TYPES, ENTRY_TYPES, LedgerFormatError, encodeEntry, parseEntry, parseEnvelope, readAdoption, readAssignment, textHash, type Assignment, type Entry } from "./entry";

const DIGEST = `sha256:${"a".repeat(64)}`;
const assignment: Assignment = {
  kind: "rollback",
  rollout: "r-1",
  service: "payments",
  environment: "production",
  partition: "default",
  from: null,
  to: { release: "rel-1", version: "v2.6.2", components: [{ name: "main", repository: "registry.example/payments", digests: [DIGEST] }] },
  hold: "h-1",
  incident: null,
};
const entry: Entry = {
  v: 1,
  ledger: "plumbline.example",
  seq: 7,
  type: "release-approved",
  at: "2026-01-31T12:00:00.000Z",
  actor: "018f",
  scope: { service: "payments", environment: null },
  payload: { release: "rel-1" },
};
const adoption = {
  releases: [{ release: "rel-1", service: "payments", version: "1.0.0", registered: false, components: [{ name: "main", repository: "r", digests: [DIGEST] }] }],
  places: [{ service: "payments", environment: "production", partition: "default", release: "rel-1", approves: true, instances: 3 }],
  leftOut: [{ service: null, environment: "production", partition: "default", component: "main", reason: "no-service", digest: null, instances: 1 }],
};
const adopting: Entry = { ...entry, type: "adopted", payload: adoption };
const assigning: Entry = { ...entry, type: "assignment-changed", payload: assignment };

describe("bytes", () => {
  it("are the canonical text", () => {
    expect(decodeUtf8(encodeEntry(entry))).toBe(
      '{"actor":"018f","at":"2026-01-31T12:00:00.000Z","ledger":"plumbline.example","payload":{"release":"rel-1"},"scope":{"environment":null,"service":"payments"},"seq":7,"type":"release-approved","v":1}',
    );
  });

  it("round-trip for every type", () => {
    for (const type of ENTRY_TYPES) {
      const isAssigning = ASSIGNING_TYPES.some((known) => known === type);
      const one: Entry = { ...entry, type, payload: isAssigning ? assignment : type === "adopted" ? adoption : entry.payload };
      expect(parseEntry(encodeEntry(one))).toEqual(one);
    }
  });

  it("round-trip for any payload that is JSON", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))), fc.nat(), (payload, seq) => {
        const bytes = encodeEntry({ ...entry, seq, payload });
        expect(encodeEntry(parseEntry(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe("refused", () => {
  const text = decodeUtf8(encodeEntry(entry));
  it.each([
    ["not JSON", "{"],
    ["another order of keys", `{"v":1,${text.slice(1).replace(',"v":1', "")}`],
    ["white space", text.replace(",", ", ")],
    ["a key twice", text.replace('"seq":7', '"seq":7,"seq":7')],
    ["a missing member", text.replace('"seq":7,', "")],
    ["a member too many", text.replace('"v":1', '"v":1,"x":1')],
    ["another version", text.replace('"v":1', '"v":2')],
    ["a fraction for seq", text.replace('"seq":7', '"seq":7.5')],
    ["a negative seq", text.replace('"seq":7', '"seq":-7')],
    ["a text for seq", text.replace('"seq":7', '"seq":"7"')],
    ["an unknown type", text.replace("release-approved", "release-applauded")],
    ["a time without milliseconds", text.replace(".000Z", "Z")],
    ["a time zone", text.replace("Z", "+00:00")],
    ["a day that does not exist", text.replace("01-31", "02-30")],
    ["an hour that does not exist", text.replace("T12", "T24")],
    ["an empty ledger", text.replace("plumbline.example", "")],
    ["a list as payload", text.replace('{"release":"rel-1"}', "[]")],
    ["a scope without environment", text.replace('"environment":null,', "")],
    ["an empty service", text.replace('"payments"', '""')],
  ])("%s", (_, changed) => {
    expect(changed).not.toBe(text);
    expect(() => parseEntry(encodeUtf8(changed))).toThrow(LedgerFormatError);
  });

  it("bytes that are not UTF-8", () => {
    expect(() => parseEntry(Uint8Array.of(0xff))).toThrow(LedgerFormatError);
  });

  it("encoding what could not be read again", () => {
    expect(() => encodeEntry({ ...entry, at: "today" })).toThrow(LedgerFormatError);
    expect(() => encodeEntry({ ...entry, seq: 2 ** 53 })).toThrow(LedgerFormatError);
    expect(() => encodeEntry({ ...entry, payload: { reason: "\ud800" } })).toThrow(LedgerFormatError);
    expect(() => encodeEntry({ ...assigning, payload: { service: "payments" } })).toThrow(LedgerFormatError);
  });

  it("knows leap days", () => {
    for (const day of ["2024-02-29", "2000-02-29"]) expect(() => encodeEntry({ ...entry, at: `${day}T00:00:00.000Z` })).not.toThrow();
    for (const day of ["2023-02-29", "1900-02-29", "2024-04-31", "2024-01-00"]) {
      expect(() => encodeEntry({ ...entry, at: `${day}T00:00:00.000Z` })).toThrow(LedgerFormatError);
    }
  });
});

describe("a log newer than its reader", () => {
  const newer = encodeUtf8(decodeUtf8(encodeEntry(entry)).replace("release-approved", "release-applauded"));
  it("has envelopes that can be read", () => {
    expect(parseEnvelope(newer)).toMatchObject({ seq: 7, type: "release-applauded" });
    expect(readAssignment(parseEnvelope(newer))).toBeNull();
  });
});

describe("assignments", () => {
  it("are read from assigning entries only", () => {
    expect(readAssignment(assigning)).toEqual(assignment);
    expect(readAssignment({ ...assigning, type: "release-approved" })).toBeNull();
    expect(readAssignment({ ...assigning, payload: { ...assignment, reasonHash: "0".repeat(64) } })).toEqual(assignment);
    expect(readAssignment({ ...assigning, payload: { ...assignment, to: null } })?.to).toBeNull();
  });

  it.each<[string, Record<string, JsonValue>]>([
    ["another kind", { kind: "undo" }],
    ["a digest of another algorithm", { to: { release: "r", version: "v", components: [{ name: "main", repository: "r", digests: ["md5:00"] }] } }],
    ["a digest in capitals", { to: { release: "r", version: "v", components: [{ name: "main", repository: "r", digests: [DIGEST.toUpperCase()] }] } }],
    ["no components", { to: { release: "r", version: "v" } }],
  ])("refuse %s", (_, change) => {
    expect(() => readAssignment({ ...assigning, payload: { ...assignment, ...change } })).toThrow(LedgerFormatError);
  });
});

describe("adoptions", () => {
  it("are read from their own entries only, and assign nothing", () => {
    expect(readAdoption({ ...adopting, payload: { ...adoption, reasonHash: "0".repeat(64) } })).toEqual(adoption);
    expect(readAdoption(assigning)).toBeNull();
    expect(readAssignment(adopting)).toBeNull();
  });

  it.each<[string, Record<string, JsonValue>]>([
    ["a release without digests", { releases: [{ ...adoption.releases[0], components: [{ name: "main", repository: "r" }] }] }],
    ["no list of what was left out", { leftOut: null }],
    ["a count that is none", { places: [{ ...adoption.places[0], instances: -1 }] }],
  ])("refuse %s", (_, change) => {
    expect(() => encodeEntry({ ...adopting, payload: { ...adoption, ...change } })).toThrow(LedgerFormatError);
  });
});

describe("textHash", () => {
  const salt = new Uint8Array(16);
  it("depends on salt and text", () => {
    // (head -c16 /dev/zero; printf abc) | sha256sum
    expect(textHash(salt, "abc")).toBe("277e7ff6d232b9763f4a66e8d05d210da32dac9c6dbce1026ad4cc98acb5fefe");
    expect(textHash(salt, "abd")).not.toBe(textHash(salt, "abc"));
    expect(textHash(new Uint8Array(16).fill(1), "abc")).not.toBe(textHash(salt, "abc"));
  });

  it("refuses short salts and lone surrogates", () => {
    expect(() => textHash(new Uint8Array(15), "abc")).toThrow(RangeError);
    expect(() => textHash(salt, "\ud800")).toThrow(LedgerFormatError);
  });
});
