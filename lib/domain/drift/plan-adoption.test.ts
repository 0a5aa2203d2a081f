import { describe, expect, it } from "vitest";
import { adoptionRevision, describeAdoptionChanges, isRevision } from "./adoption-revision";
import { explainLeftOut } from "./explain-left-out";
import type { ObservedImage } from "./identify-images";
import { LEFT_OUT_REASONS, planAdoption, type AdoptionFacts, type KnownRelease, type ObservedGroup } from "./plan-adoption";
import type { ReportedDigest } from "./resolve-image";

const sha = (hex: string): string => `sha256:${hex.padEnd(64, "0")}`;
const REPOSITORY = "registry.test/pay/payments";
const index = (hex: string): ReportedDigest => ({ digest: sha(hex), kind: "index", repository: REPOSITORY });
const manifest = (hex: string): ReportedDigest => ({ digest: sha(hex), kind: "manifest", repository: REPOSITORY });
const config = (hex: string): ReportedDigest => ({ digest: sha(hex), kind: "config" });
const image = (digests: ReportedDigest[], tag: string | null = null): ObservedImage => ({ digests, reference: tag === null ? null : `${REPOSITORY}:${tag}` });
const group = (image: string, more: Partial<ObservedGroup> = {}): ObservedGroup => {
  const instances = more.instances ?? 1;
  return { service: "payments", ignored: false, environment: "production", partition: "default", component: "main", image, instances, mutated: 0, heard: instances, silent: 0, ...more };
};
const plan = (groups: ObservedGroup[], images: Record<string, ObservedImage>, more: Partial<AdoptionFacts> & { aliases?: Record<string, string[]> } = {}) =>
  planAdoption({
    environments: ["dev", "staging", "production"],
    groups,
    images: new Map(Object.entries(images)),
    linkedDigests: new Set(),
    artifactsOf: (digest) => more.aliases?.[digest] ?? [],
    releases: [],
    recalledArtifacts: new Set(),
    decided: new Map(),
    ...more,
  });
const reasons = (result: ReturnType<typeof plan>) => result.leftOut.map(({ reason, instances }) => [reason, instances]);
const known = (more: Partial<KnownRelease> = {}): KnownRelease => ({ id: "rel-1", service: "payments", version: "1.0.0", order: 1, components: [{ name: "main", artifactId: "art-1" }], recalled: false, approvedIn: ["production"], withdrawnIn: [], ...more });

describe("the identity of an image", () => {
  it("is one artifact for hosts that name it by index, manifest or configuration, as long as the names overlap", () => {
    const result = plan([group("docker"), group("containerd", { environment: "staging" }), group("kubernetes", { environment: "dev" })], {
      docker: image([index("1"), config("3")]),
      containerd: image([manifest("2"), index("1")]),
      kubernetes: image([config("3"), manifest("2")]),
    });
    expect(result.releases).toHaveLength(1);
    expect(result.releases[0]?.components[0]).toMatchObject({ digest: sha("1"), repository: REPOSITORY, artifact: { digest: sha("1"), kind: "oci", digests: [{ digest: sha("1"), kind: "index" }, { digest: sha("2"), kind: "manifest" }, { digest: sha("3"), kind: "config" }] } });
    expect(result.places.map(({ environment, release }) => [environment, release])).toEqual([["dev", 0], ["production", 0], ["staging", 0]]);
    expect(result.leftOut).toEqual([]);
  });

  it("joins platforms of one index, and links through a third image", () => {
    const result = plan([group("a"), group("b"), group("c")], { a: image([config("a1"), manifest("a2")]), b: image([manifest("a2"), index("1")]), c: image([index("1"), manifest("c2")]) });
    expect(result.places).toHaveLength(1);
    expect(result.places[0]?.instances).toBe(3);
  });

  it("keeps images apart that share nothing", () => {
    const result = plan([group("a", { instances: 3 }), group("b", { instances: 2 })], { a: image([index("1")]), b: image([index("2")]) });
    expect(result.releases[0]?.components[0]?.digest).toBe(sha("1"));
    expect(reasons(result)).toEqual([["minority", 2]]);
  });

  it("takes what a host says of registered bytes for no proof", () => {
    const result = plan([group("known"), group("other", { service: "checkout" })], { known: image([index("1"), config("9")]), other: image([config("9"), manifest("2")]) }, { aliases: { [sha("1")]: ["art-1"] }, releases: [known()] });
    expect(result.places.map(({ service }) => service)).toEqual(["payments"]);
    expect(result.leftOut).toMatchObject([{ service: "checkout", reason: "linked" }]);
    expect(plan([group("other")], { other: image([manifest("2")]) }, { linkedDigests: new Set([sha("2")]) }).leftOut).toMatchObject([{ reason: "linked" }]);
  });

  it.each<[string, ReportedDigest[], string]>([
    ["no digest", [], "no-digest"],
    ["only what its host built", [config("1"), { digest: sha("2"), kind: "unspecified", repository: "localhost/payments" }], "local"],
    ["two configurations", [config("1"), config("2"), index("3")], "conflicting"],
  ])("is none with %s", (_, digests, reason) => {
    const result = plan([group("a")], { a: image(digests) });
    expect(result.places).toEqual([]);
    expect(reasons(result)).toEqual([[reason, 1]]);
  });

  it("is known for a local image where another host pulled the same", () => {
    expect(plan([group("a"), group("b")], { a: image([config("1")]), b: image([config("1"), index("2")]) }).places[0]?.instances).toBe(2);
  });
});

describe("what is assigned", () => {
  it("is what most copies run that were heard of, and the rest is left out", () => {
    const result = plan([group("a", { instances: 5, heard: 1, silent: 4 }), group("b", { instances: 2 }), group("gone", { instances: 9, heard: 0, silent: 9 }), group("off", { heard: 0 })], { a: image([index("1")]), b: image([index("2")]), gone: image([index("3")]), off: image([index("4")]) });
    expect(result.releases.map(({ components }) => components[0]?.digest)).toEqual([sha("2")]);
    expect(reasons(result)).toEqual([["minority", 5], ["silent", 9], ["stopped", 1]]);
  });

  it("is, of two that run equally often, the one that runs most elsewhere", () => {
    const images = { a: image([index("1")]), b: image([index("2")]) };
    expect(plan([group("a"), group("b"), group("b", { environment: "staging" })], images).releases.at(0)?.components[0]?.digest).toBe(sha("2"));
    expect(plan([group("b"), group("a")], images).releases[0]?.components[0]?.digest).toBe(sha("1"));
  });

  it.each([["assigned"], ["rollout-running"]] as const)("is nothing where something is decided: %s", (decision) => {
    const result = plan([group("a"), group("a", { environment: "staging" })], { a: image([index("1")]) }, { decided: new Map([["payments/production/default", decision]]) });
    expect(result.places.map(({ environment }) => environment)).toEqual(["staging"]);
    expect(reasons(result)).toEqual([[decision, 1]]);
  });

  it("says of copies that were changed in place that the change stays", () => {
    const result = plan([group("a", { instances: 3, mutated: 1 })], { a: image([index("1")]) });
    expect(result.places[0]?.instances).toBe(3);
    expect(reasons(result)).toEqual([["mutated", 1]]);
  });

  it("leaves out what belongs to no service, and what nobody judges", () => {
    expect(reasons(plan([group("a", { service: null }), group("a", { service: null, ignored: true })], { a: image([index("1")]) }))).toEqual([["no-service", 1], ["ignored", 1]]);
  });

  it("has a component for each kind of container", () => {
    const result = plan([group("a", { component: "web" }), group("b", { component: "worker" }), group("c", { component: "worker", instances: 2 })], { a: image([index("1")], "1.0"), b: image([index("2")], "1.0"), c: image([index("3")], "1.0") });
    expect(result.releases[0]).toMatchObject({ version: "1.0", components: [{ name: "web", digest: sha("1") }, { name: "worker", digest: sha("3") }] });
    expect(reasons(result)).toEqual([["minority", 1]]);
  });
});

describe("a registered release", () => {
  const aliases = { [sha("1")]: ["art-1"] };
  const images = { a: image([index("1")]) };
  it("is used where it is what runs", () => {
    const result = plan([group("a"), group("a", { environment: "staging" })], images, { aliases, releases: [known({ version: "0.9.0", order: 0, id: "rel-0" }), known()] });
    expect(result.releases).toMatchObject([{ known: "rel-1", version: "1.0.0" }]);
    expect(result.places.map(({ environment, approves }) => [environment, approves])).toEqual([["production", false], ["staging", true]]);
  });

  it("of another service lends its bytes, not its name", () => {
    const result = plan([group("a")], images, { aliases, releases: [known({ service: "checkout" })] });
    expect(result.releases).toMatchObject([{ known: null, components: [{ artifact: { known: "art-1" } }] }]);
  });

  it.each<[string, Partial<AdoptionFacts>, string]>([
    ["recalled", { releases: [known({ recalled: true })] }, "recalled"],
    ["recalled under another name", { releases: [known({ service: "checkout", recalled: true })] }, "recalled"],
    ["of recalled bytes", { releases: [known()], recalledArtifacts: new Set(["art-1"]) }, "recalled"],
    ["withdrawn here", { releases: [known({ approvedIn: [], withdrawnIn: ["production"] })] }, "withdrawn"],
  ])("is left out when it is %s", (_, facts, reason) => {
    const result = plan([group("a")], images, { aliases, ...facts });
    expect(result.places).toEqual([]);
    expect(reasons(result)).toEqual([[reason, 1]]);
  });
});

describe("the name of a release", () => {
  const versions = (result: ReturnType<typeof plan>) => result.releases.map(({ version }) => version);
  it("is its tag", () => {
    expect(versions(plan([group("a")], { a: image([index("1")], "1.4.2") }))).toEqual(["1.4.2"]);
  });
  it.each<[string, (string | null)[]]>([
    ["no tag", [null]],
    ["a tag that names no version", ["latest"]],
    ["two tags", ["1.0", "1.1"]],
  ])("is its digest with %s", (_, tags) => {
    const images = Object.fromEntries(tags.map((tag, at) => [`i${at}`, image([index("abcdef012345")], tag)]));
    expect(versions(plan(Object.keys(images).map((id) => group(id)), images))).toEqual(["adopted-abcdef012345"]);
  });
  it("is its digest where another release of the service has the tag", () => {
    const images = { a: image([index("a")], "1.0"), b: image([index("b")], "1.0") };
    expect(versions(plan([group("a"), group("b", { environment: "staging" })], images))).toEqual(["adopted-a00000000000", "adopted-b00000000000"]);
    expect(versions(plan([group("a")], images, { releases: [known({ version: "1.0" })] }))).toEqual(["adopted-a00000000000"]);
    expect(versions(plan([group("a"), group("b", { service: "checkout" })], images))).toEqual(["1.0", "1.0"]);
  });
  it("is another one where two releases of a service have the same bytes in other components", () => {
    const images = { a: image([index("a")]) };
    const [first = "", second = ""] = versions(plan([group("a"), group("a", { environment: "staging", component: "web" })], images));
    expect(first).toBe("adopted-a00000000000");
    expect(second).toMatch(/^adopted-[0-9a-f]{12}$/);
    expect(second).not.toBe(first);
    const [third = ""] = versions(plan([group("a")], images, { releases: [known({ version: first }), known({ id: "rel-2", version: second })] }));
    expect([first, second]).not.toContain(third);
    expect(versions(plan([group("a"), group("a", { service: "checkout" })], images))).toEqual([first, first]);
  });
  it("comes in the order in which releases travel: the last environment runs the oldest", () => {
    const images = { a: image([index("a")], "3"), b: image([index("b")], "2"), c: image([index("c")], "1") };
    expect(versions(plan([group("a", { environment: "dev" }), group("b", { environment: "staging" }), group("c")], images))).toEqual(["1", "2", "3"]);
  });
});

describe("the revision", () => {
  const images = { a: image([index("1")]), b: image([index("2")]) };
  const before = plan([group("a", { instances: 3 }), group("b")], images);
  const token = adoptionRevision(before);
  it("stays while copies come and go", () => {
    expect(isRevision(token, plan([group("b", { instances: 2 }), group("a", { instances: 9 })], images))).toBe(true);
    expect(describeAdoptionChanges(token, before)).toEqual([]);
  });
  it("names the services that changed, came and went", () => {
    expect(describeAdoptionChanges(token, plan([group("b", { instances: 9 }), group("a"), group("a", { service: "checkout" })], images))).toEqual(["checkout is new on the list.", "payments: something else would be assigned or left out now."]);
    expect(describeAdoptionChanges(token, plan([], images))).toEqual(["One service is no longer on the list."]);
    expect(describeAdoptionChanges("nonsense", plan([], images))).toEqual(["The fleet moved since the preview."]);
  });
  it("counts the digests under which something is known", () => {
    expect(isRevision(token, plan([group("a", { instances: 3 }), group("b")], { ...images, a: image([index("1"), config("7")]) }))).toBe(false);
  });
});

it("has a sentence for every reason", () => {
  expect(new Set(LEFT_OUT_REASONS.map(explainLeftOut)).size).toBe(LEFT_OUT_REASONS.length);
});
