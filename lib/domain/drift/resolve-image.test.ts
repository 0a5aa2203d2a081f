import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReportedDigest } from "@/lib/domain/drift/resolve-image";
import { resolveImage } from "@/lib/domain/drift/resolve-image";

/** i = index, m = manifest, c = config; two indexes (iA, iB) share the manifest mS. */
const LEDGER: Record<string, string[]> = {
  iA: ["A"],
  iB: ["B"],
  mA: ["A"],
  mS: ["A", "B"],
  cS: ["A", "B"],
  mBC: ["B", "C"],
  iD: ["D"],
};
const lookUp = (digest: string): string[] => LEDGER[digest] ?? [];
const remote = (...digests: string[]): ReportedDigest[] =>
  digests.map((digest) => ({ digest, kind: "unspecified", repository: "registry.example/app" }));

describe("resolveImage", () => {
  it.each<[string, ReportedDigest[], string, string[]]>([
    ["nothing named", [], "none", []],
    ["one index", remote("iA"), "known", ["A"]],
    ["index, manifest and config of one image", remote("iA", "mS", "cS"), "known", ["A", "B"]],
    ["Podman's cross product of two indexes and their manifest", remote("iA", "iB", "mS"), "known", ["A", "B"]],
    ["a manifest alone", remote("mS"), "known", ["A", "B"]],
    ["some digests are unknown", remote("x", "iA", "y"), "known", ["A"]],
    ["common to all, explained by none", remote("mS", "mBC"), "known", ["B"]],
    ["two artifacts with nothing in common", remote("iA", "iD"), "conflicting", []],
    ["three without a common one", remote("iA", "iB"), "conflicting", []],
    ["not in the ledger", remote("x"), "unknown", []],
    [
      "pushed to a registry on localhost with a port",
      [{ digest: "x", kind: "unspecified", repository: "localhost:5000/app" }],
      "unknown",
      [],
    ],
    [
      "built by Podman, never pushed",
      [
        { digest: "x", kind: "unspecified", repository: "localhost/app" },
        { digest: "y", kind: "config" },
      ],
      "local",
      [],
    ],
    ["built by Docker: an image id only", [{ digest: "x", kind: "config", repository: null }], "local", []],
    ["a registered image under a local name", [{ digest: "iA", kind: "index", repository: "localhost/app" }], "known", ["A"]],
    ["an executable that nobody registered", [{ digest: "x", kind: "file" }], "unknown", []],
  ])("%s", (_, digests, resolution, candidates) => {
    expect(resolveImage(digests, lookUp)).toEqual({ resolution, candidates });
  });

  it("does not depend on the order in which a runtime lists digests", () => {
    const names = fc.shuffledSubarray(Object.keys(LEDGER));
    fc.assert(
      fc.property(names, (digests) => {
        const sorted = [...digests].sort();
        expect(resolveImage(remote(...digests), lookUp)).toEqual(resolveImage(remote(...sorted), lookUp));
      }),
    );
  });
});
