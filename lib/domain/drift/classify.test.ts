import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DriftCategory } from "@/lib/domain/drift/categories";
import { rankCategory } from "@/lib/domain/drift/categories";
import type { CandidateRelease, ClassifyContext, CombinationFacts } from "@/lib/domain/drift/classify";
import { classifyCombination } from "@/lib/domain/drift/classify";
import type { ResolvedImage } from "@/lib/domain/drift/resolve-image";

/** payments 1.40, 1.41 and 1.42 run art40, art41, art42; 1.41 is assigned. checkout runs artX. */
const release = (seq: number, changes: Partial<CandidateRelease> = {}): CandidateRelease => ({
  releaseId: `r${seq}`,
  serviceId: "payments",
  artifactId: `art${seq}`,
  component: "main",
  registeredSeq: seq,
  approvedHere: true,
  recalled: false,
  ...changes,
});
const runs = (...candidates: string[]): ResolvedImage => ({ resolution: "known", candidates });
const image = (resolution: ResolvedImage["resolution"]): ResolvedImage => ({ resolution, candidates: [] });
const desired41: ClassifyContext["desired"] = {
  kind: "release",
  release: {
    id: "r41",
    registeredSeq: 41,
    components: [{ name: "main", artifactId: "art41" }],
    settingsDigest: null,
    baselineSettings: null,
    recalled: false,
  },
};
const settings41 = (settingsDigest: string | null, baselineSettings: string | null): ClassifyContext["desired"] => ({
  kind: "release",
  release: { ...desired41.release, settingsDigest, baselineSettings },
});

interface Case {
  name: string;
  facts?: Partial<CombinationFacts>;
  context?: Partial<ClassifyContext>;
  expected: DriftCategory[];
}

const r40 = release(40);
const r41 = release(41);
const r42 = release(42);
const recalled = (...ids: string[]): ReadonlySet<string> => new Set(ids);
const other = release(7, { serviceId: "checkout", artifactId: "artX" });

function classify({ context, facts }: Pick<Case, "facts" | "context">): DriftCategory[] {
  return classifyCombination(
    {
      component: "main",
      ignored: false,
      image: runs("art41"),
      mutated: false,
      settingsDigest: null,
      declaredMatches: null,
      tagMoved: false,
      ...facts,
    },
    {
      service: { id: "payments" },
      releases: [r41],
      recalledArtifacts: recalled(),
      desired: desired41,
      activeRollout: false,
      ...context,
    },
  );
}

const CASES: Case[] = [
  { name: "the assigned artifact", expected: ["in-sync"] },
  { name: "the assigned artifact during a rollout", context: { activeRollout: true }, expected: ["in-sync"] },
  {
    name: "a manifest that the assigned and an older release share",
    facts: { image: runs("art40", "art41") },
    context: { releases: [r40, r41] },
    expected: ["in-sync"],
  },
  { name: "what a rule ignores, whatever it is", facts: { ignored: true, mutated: true, image: image("unknown") }, context: { recalledArtifacts: recalled("art41") }, expected: ["ignored"] },
  { name: "nothing registered", facts: { image: image("unknown") }, context: { releases: [] }, expected: ["unknown-artifact"] },
  { name: "no digest", facts: { image: image("none") }, context: { releases: [] }, expected: ["unverifiable"] },
  { name: "built on the host", facts: { image: image("local") }, context: { releases: [] }, expected: ["unverifiable"] },
  { name: "two artifacts at once", facts: { image: image("conflicting") }, context: { releases: [] }, expected: ["unverifiable"] },
  {
    name: "an unknown artifact is not excused by a rollout",
    facts: { image: image("unknown") },
    context: { releases: [], activeRollout: true },
    expected: ["unknown-artifact"],
  },
  {
    name: "a recalled artifact",
    facts: { image: runs("art40") },
    context: { releases: [r40], recalledArtifacts: recalled("art40") },
    expected: ["recalled", "behind"],
  },
  {
    name: "a recalled artifact during a rollout",
    facts: { image: runs("art40") },
    context: { releases: [r40], recalledArtifacts: recalled("art40"), activeRollout: true },
    expected: ["recalled", "in-transition"],
  },
  {
    name: "a recalled release",
    facts: { image: runs("art42") },
    context: { releases: [release(42, { recalled: true, approvedHere: false })] },
    expected: ["recalled", "unapproved"],
  },
  {
    name: "a recalled release whose bytes another one of the service has, too",
    facts: { image: runs("art42") },
    context: { releases: [release(42, { recalled: true }), release(43, { artifactId: "art42" })] },
    expected: ["ahead"],
  },
  {
    name: "a recalled release, although another service's release of the same bytes is not",
    facts: { image: runs("art42") },
    context: { releases: [release(42, { recalled: true }), release(7, { serviceId: "checkout", artifactId: "art42" })] },
    expected: ["recalled", "ahead"],
  },
  {
    name: "another service's artifact, of a recalled release",
    facts: { image: runs("artX") },
    context: { releases: [release(7, { serviceId: "checkout", artifactId: "artX", recalled: true })] },
    expected: ["recalled", "wrong-service"],
  },
  {
    name: "a recalled artifact that shares its manifest with the assigned one",
    facts: { image: runs("art40", "art41") },
    context: { releases: [r40, r41], recalledArtifacts: recalled("art40") },
    expected: ["in-sync"],
  },
  {
    name: "the assigned artifact, recalled after it was assigned",
    context: { recalledArtifacts: recalled("art41") },
    expected: ["recalled"],
  },
  {
    name: "the assigned release, recalled after it was assigned",
    context: {
      releases: [release(41, { recalled: true })],
      desired: { kind: "release", release: { ...desired41.release, recalled: true } },
    },
    expected: ["recalled"],
  },
  { name: "changed in place", facts: { mutated: true }, expected: ["mutated"] },
  {
    name: "changed in place during a rollout",
    facts: { mutated: true, image: runs("art40") },
    context: { releases: [r40], activeRollout: true },
    expected: ["mutated", "in-transition"],
  },
  { name: "another service's artifact", facts: { image: runs("artX") }, context: { releases: [other] }, expected: ["wrong-service"] },
  {
    name: "another service's artifact, approved or not",
    facts: { image: runs("artX") },
    context: { releases: [release(7, { serviceId: "checkout", artifactId: "artX", approvedHere: false })] },
    expected: ["wrong-service"],
  },
  {
    name: "an artifact that this service and another one share",
    facts: { image: runs("art41") },
    context: { releases: [r41, release(7, { serviceId: "checkout", artifactId: "art41" })] },
    expected: ["in-sync"],
  },
  {
    name: "an artifact that no release names",
    facts: { image: runs("artY") },
    context: { releases: [] },
    expected: ["unapproved"],
  },
  {
    name: "newer, not approved",
    facts: { image: runs("art42") },
    context: { releases: [release(42, { approvedHere: false })] },
    expected: ["unapproved"],
  },
  {
    name: "not approved is not excused by a rollout",
    facts: { image: runs("art42") },
    context: { releases: [release(42, { approvedHere: false })], activeRollout: true },
    expected: ["unapproved"],
  },
  {
    name: "assigned, approval withdrawn",
    context: { releases: [release(41, { approvedHere: false })] },
    expected: ["unapproved"],
  },
  { name: "older", facts: { image: runs("art40") }, context: { releases: [r40] }, expected: ["behind"] },
  { name: "newer", facts: { image: runs("art42") }, context: { releases: [r42] }, expected: ["ahead"] },
  { name: "older, in a rollout", facts: { image: runs("art40") }, context: { releases: [r40], activeRollout: true }, expected: ["in-transition"] },
  { name: "newer, in a rollback", facts: { image: runs("art42") }, context: { releases: [r42], activeRollout: true }, expected: ["in-transition"] },
  {
    name: "the newest approved release decides the order, an unapproved one does not",
    facts: { image: runs("art40") },
    context: { releases: [r40, release(50, { artifactId: "art40", approvedHere: false })] },
    expected: ["behind"],
  },
  {
    name: "the artifact of another component of the assigned release",
    facts: { image: runs("artW"), component: "main" },
    context: {
      releases: [release(41, { artifactId: "artW", component: "worker" })],
      desired: {
        kind: "release",
        release: {
          ...desired41.release,
          components: [
            { name: "main", artifactId: "art41" },
            { name: "worker", artifactId: "artW" },
          ],
        },
      },
    },
    expected: ["wrong-service"],
  },
  {
    name: "a container name that the release does not use",
    facts: { component: "web" },
    expected: ["in-sync"],
  },
  { name: "other settings", facts: { settingsDigest: "s2" }, context: { desired: settings41("s1", null) }, expected: ["settings-differ"] },
  { name: "the same settings", facts: { settingsDigest: "s1" }, context: { desired: settings41("s1", null) }, expected: ["in-sync"] },
  { name: "other settings than it proved itself with", facts: { settingsDigest: "s2" }, context: { desired: settings41(null, "s1") }, expected: ["settings-differ"] },
  { name: "declared settings win over proven ones", facts: { settingsDigest: "s1" }, context: { desired: settings41("s1", "s0") }, expected: ["in-sync"] },
  { name: "settings that nobody declared or proved", facts: { settingsDigest: "s1" }, expected: ["in-sync"] },
  { name: "settings that the agent does not tell", context: { desired: settings41("s1", null) }, expected: ["in-sync"] },
  {
    name: "other settings of another artifact are no finding of their own",
    facts: { settingsDigest: "s2", image: runs("art40") },
    context: { releases: [r40], desired: settings41("s1", null) },
    expected: ["behind"],
  },
  { name: "no desired row", context: { desired: { kind: "none" } }, expected: ["unexpected"] },
  { name: "an assignment of nothing", context: { desired: { kind: "nothing" } }, expected: ["unexpected"] },
  { name: "unexpected is not excused by a rollout", context: { desired: { kind: "none" }, activeRollout: true }, expected: ["unexpected"] },
  {
    name: "unregistered and nothing assigned",
    facts: { image: image("unknown") },
    context: { releases: [], desired: { kind: "none" } },
    expected: ["unknown-artifact", "unexpected"],
  },
  { name: "would start something else next", facts: { declaredMatches: false }, expected: ["will-revert"] },
  { name: "would start the same next", facts: { declaredMatches: true }, expected: ["in-sync"] },
  {
    name: "would start something else next, and already runs something else",
    facts: { declaredMatches: false, image: runs("art40") },
    context: { releases: [r40] },
    expected: ["behind"],
  },
  { name: "its tag moved", facts: { tagMoved: true }, expected: ["tag-moved"] },
  {
    name: "everything at once, worst first",
    facts: { mutated: true, settingsDigest: "s2", declaredMatches: false, tagMoved: true },
    context: { desired: settings41("s1", null), releases: [release(41, { approvedHere: false })] },
    expected: ["mutated", "unapproved", "settings-differ", "will-revert", "tag-moved"],
  },
  { name: "a service that was not adopted", context: { service: null, releases: [] }, expected: ["not-adopted"] },
  {
    name: "of a service that was not adopted nothing else is said",
    facts: { image: image("unknown"), mutated: true, tagMoved: true },
    context: { service: null, releases: [], desired: { kind: "none" } },
    expected: ["not-adopted"],
  },
  {
    name: "a recall holds for services that were not adopted, too",
    facts: { image: runs("art40") },
    context: { service: null, releases: [], desired: { kind: "none" }, recalledArtifacts: recalled("art40") },
    expected: ["recalled", "not-adopted"],
  },
];

describe("classifyCombination", () => {
  it.each(CASES)("$name → $expected", ({ context, expected, facts }) => {
    expect(classify({ facts, context })).toEqual(expected);
  });

  const releases = fc.array(
    fc.record({
      serviceId: fc.constantFrom("payments", "checkout"),
      artifactId: fc.constantFrom("art40", "art41", "art42"),
      registeredSeq: fc.integer({ min: 40, max: 42 }),
      approvedHere: fc.boolean(),
      recalled: fc.boolean(),
    }),
    { maxLength: 5 },
  );
  const images = fc.oneof(
    fc.constantFrom("unknown" as const, "local" as const, "none" as const, "conflicting" as const).map(image),
    fc.subarray(["art40", "art41", "art42"], { minLength: 1 }).map((candidates) => runs(...candidates)),
  );

  it("is never empty, is sorted, is in sync only on the assigned bytes, and does not depend on order", () => {
    fc.assert(
      fc.property(images, releases, fc.boolean(), fc.boolean(), (img, changes, mutated, activeRollout) => {
        const list = changes.map((change) => release(change.registeredSeq, change));
        const facts = { image: img, mutated };
        const found = classify({ facts, context: { releases: list, activeRollout } });
        expect(found.length).toBeGreaterThan(0);
        expect(found.map(rankCategory)).toEqual(found.map(rankCategory).toSorted((a, b) => a - b));
        if (found.includes("in-sync")) {
          expect(found).toEqual(["in-sync"]);
          expect(img.candidates).toContain("art41");
        }
        expect(classify({ facts, context: { releases: list.toReversed(), activeRollout } })).toEqual(found);
      }),
    );
  });

  it("lets an open rollout explain behind and ahead, and nothing else", () => {
    fc.assert(
      fc.property(images, releases, fc.boolean(), (img, changes, mutated) => {
        const list = changes.map((change) => release(change.registeredSeq, change));
        const facts = { image: img, mutated };
        const still = classify({ facts, context: { releases: list } });
        const rolling = classify({ facts, context: { releases: list, activeRollout: true } });
        const explained = still.filter((category) => category !== "behind" && category !== "ahead");
        expect(rolling.filter((category) => category !== "in-transition")).toEqual(explained);
        expect(rolling.includes("in-transition")).toBe(explained.length < still.length);
      }),
    );
  });
});
