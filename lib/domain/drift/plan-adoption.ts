/** What runs, unregistered, as the releases that it would become: decided from facts alone, the same for preview and act. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { compareText } from "@/lib/domain/compare-text";
import { isLocalRepository, parseDigest } from "@/lib/domain/fleet/digests";
import { bestDigest, identifyImages, type AdoptedArtifact, type Identity, type ImageFacts, type ObservedImage } from "./identify-images";

/** Why something that runs is not adopted, or stays a finding afterwards; the order is the order of lists, worst first. */
export const LEFT_OUT_REASONS = [
  "recalled",
  "conflicting",
  "linked",
  "minority",
  "mutated",
  "local",
  "no-digest",
  "withdrawn",
  "rollout-running",
  "assigned",
  "silent",
  "stopped",
  "no-service",
  "ignored",
] as const;
export type LeftOutReason = (typeof LEFT_OUT_REASONS)[number];

/** Copies of one container that show the same image at one place. */
export interface ObservedGroup {
  service: string | null;
  /** A rule says that nobody judges it. */
  ignored: boolean;
  environment: string;
  partition: string;
  /** The component that they count for, or would. */
  component: string;
  image: string;
  instances: number;
  /** How many of them were changed in place after their start. */
  mutated: number;
  /** How many of them run on hosts that were heard of lately, and how many on hosts that were not. */
  heard: number;
  silent: number;
}

export interface KnownRelease {
  id: string;
  service: string;
  version: string;
  /** Older and newer. */
  order: number;
  components: readonly { name: string; artifactId: string }[];
  recalled: boolean;
  /** Environments in which it may run, and those where its approval was withdrawn. */
  approvedIn: readonly string[];
  withdrawnIn: readonly string[];
}

export interface AdoptionFacts extends ImageFacts {
  /** Environments in their order, the first one that a release goes through first. */
  environments: readonly string[];
  groups: readonly ObservedGroup[];
  releases: readonly KnownRelease[];
  recalledArtifacts: ReadonlySet<string>;
  /** What is decided at a place already, by `placeText`. */
  decided: ReadonlyMap<string, "assigned" | "rollout-running">;
}

export interface Place {
  service: string;
  environment: string;
  partition: string;
}

export interface AdoptedComponent {
  name: string;
  artifact: AdoptedArtifact;
  /** One of the artifact's digests, to show and to compare. */
  digest: string;
  repository: string | null;
  reference: string | null;
}

export interface AdoptedRelease {
  service: string;
  version: string;
  /** The registered release that it is; null for a new one. */
  known: string | null;
  components: AdoptedComponent[];
}

export interface AdoptedPlace extends Place {
  /** Position in `releases`. */
  release: number;
  /** Whether the adoption is what lets it run here: nothing else does. */
  approves: boolean;
  instances: number;
}

export interface LeftOut {
  service: string | null;
  environment: string;
  partition: string;
  component: string;
  reason: LeftOutReason;
  /** Null where the runtime names none. */
  digest: string | null;
  reference: string | null;
  instances: number;
}

export interface AdoptionPlan {
  /** Oldest first: the order in which they count as registered. */
  releases: AdoptedRelease[];
  places: AdoptedPlace[];
  leftOut: LeftOut[];
}

/** A place as text, to look it up by. */
export function placeText({ service, environment, partition }: { service: string | null; environment: string; partition: string }): string {
  return `${service ?? ""}/${environment}/${partition}`;
}

type Tally = { identity: Extract<Identity, { key: string }>; instances: number; heard: number; mutated: number; images: Set<string> };

/**
 * What an adoption would do. At each place that nothing was decided about, each component's most frequent image is assigned; what
 * else runs there is left out and stays a finding. Hosts name one image by different digests: images whose digests overlap
 * are one artifact. What the ledger knows already keeps its identity and gets no alias from a report.
 */
export function planAdoption(facts: AdoptionFacts): AdoptionPlan {
  const identityOf = identifyImages(facts);
  const leftOut: LeftOut[] = [];
  const leave = (group: ObservedGroup, reason: LeftOutReason, instances = group.instances): void => {
    const identity = identityOf(group.image);
    const image = facts.images.get(group.image);
    const digest = "key" in identity ? identity.digest : (bestDigest(image?.digests ?? [])?.digest ?? null);
    leftOut.push({ service: group.service, environment: group.environment, partition: group.partition, component: group.component, reason, digest, reference: image?.reference ?? null, instances });
  };

  const byPlace = new Map<string, { place: Place; groups: ObservedGroup[] }>();
  const fleetwide = new Map<string, number>();
  for (const group of facts.groups) {
    const identity = identityOf(group.image);
    if ("key" in identity) fleetwide.set(identity.key, (fleetwide.get(identity.key) ?? 0) + group.heard);
    const decided = facts.decided.get(placeText(group));
    if (group.ignored) leave(group, "ignored");
    else if (group.service === null) leave(group, "no-service");
    else if (decided) leave(group, decided);
    else {
      const place = { service: group.service, environment: group.environment, partition: group.partition };
      const here = byPlace.get(placeText(place)) ?? { place, groups: [] };
      here.groups.push(group);
      byPlace.set(placeText(place), here);
    }
  }

  const releasesBy = new Map<string, KnownRelease[]>();
  for (const release of facts.releases) releasesBy.set(release.service, [...(releasesBy.get(release.service) ?? []), release]);
  const isRecalled = recallCheck(facts, releasesBy);
  const chosen: { place: Place; components: { name: string; tally: Tally }[]; instances: number; known: KnownRelease | null }[] = [];
  for (const { place, groups } of byPlace.values()) {
    const components = new Map<string, Map<string, Tally>>();
    const tallied: ObservedGroup[] = [];
    for (const group of groups) {
      const identity = identityOf(group.image);
      if ("refused" in identity) leave(group, identity.refused);
      else if (isRecalled(place.service, identity)) leave(group, "recalled");
      else if (group.heard === 0) leave(group, group.silent > 0 ? "silent" : "stopped");
      else {
        const tallies = components.get(group.component) ?? new Map<string, Tally>();
        const tally = tallies.get(identity.key) ?? { identity, instances: 0, heard: 0, mutated: 0, images: new Set<string>() };
        tally.instances += group.instances;
        tally.heard += group.heard;
        tally.mutated += group.mutated;
        tally.images.add(group.image);
        tallies.set(identity.key, tally);
        components.set(group.component, tallies);
        tallied.push(group);
      }
    }
    const winners = new Map([...components].map(([name, tallies]) => [name, mostFrequent([...tallies.values()], fleetwide)]));
    const picked = [...winners].map(([name, tally]) => ({ name, tally })).sort((a, b) => compareText(a.name, b.name));
    if (picked.length === 0) continue;
    const known = findKnown(releasesBy.get(place.service) ?? [], picked);
    const withdrawn = known !== null && known.withdrawnIn.includes(place.environment) && !known.approvedIn.includes(place.environment);
    for (const group of tallied) {
      const identity = identityOf(group.image);
      const wins = "key" in identity && winners.get(group.component)?.identity.key === identity.key;
      if (!wins) leave(group, "minority");
      else if (withdrawn) leave(group, "withdrawn");
      else if (group.mutated > 0) leave(group, "mutated", group.mutated);
    }
    if (!withdrawn) chosen.push({ place, components: picked, instances: picked.reduce((sum, { tally }) => sum + tally.instances, 0), known });
  }

  // What runs in the last environment came first; within one, what runs most.
  const rank = new Map(facts.environments.map((name, at) => [name, at]));
  chosen.sort((a, b) => compareText(a.place.service, b.place.service) || (rank.get(b.place.environment) ?? 0) - (rank.get(a.place.environment) ?? 0) || b.instances - a.instances || compareText(a.place.partition, b.place.partition));
  const releases: AdoptedRelease[] = [];
  const at = new Map<string, number>();
  const places = chosen.map(({ place, components, instances, known }): AdoptedPlace => {
    const key = known ? known.id : `${place.service} ${components.map(({ name, tally }) => `${name}=${tally.identity.key}`).join(" ")}`;
    let release = at.get(key);
    if (release === undefined) {
      release = releases.length;
      at.set(key, release);
      releases.push({ service: place.service, version: known?.version ?? "", known: known?.id ?? null, components: components.map(({ name, tally }) => describeComponent(name, tally, facts.images)) });
    }
    return { ...place, release, approves: !(known?.approvedIn.includes(place.environment) ?? false), instances };
  });
  nameReleases(releases, releasesBy);
  return { releases, places: places.sort(comparePlaces), leftOut: leftOut.sort(compareLeftOut) };
}

function comparePlaces(a: Place, b: Place): number {
  return compareText(a.service, b.service) || compareText(a.environment, b.environment) || compareText(a.partition, b.partition);
}

function compareLeftOut(a: LeftOut, b: LeftOut): number {
  return (
    LEFT_OUT_REASONS.indexOf(a.reason) - LEFT_OUT_REASONS.indexOf(b.reason) ||
    b.instances - a.instances ||
    compareText(placeText(a), placeText(b)) ||
    compareText(a.digest ?? "", b.digest ?? "")
  );
}

/** The one that runs most where it was heard of; of two that run equally often, the one that runs most anywhere. */
function mostFrequent(tallies: readonly Tally[], fleetwide: ReadonlyMap<string, number>): Tally {
  const [first, ...rest] = tallies;
  if (!first) throw new Error("a component has an image");
  const weigh = (a: Tally, b: Tally): number => b.heard - a.heard || (fleetwide.get(b.identity.key) ?? 0) - (fleetwide.get(a.identity.key) ?? 0) || compareText(a.identity.key, b.identity.key);
  return rest.reduce((best, tally) => (weigh(tally, best) < 0 ? tally : best), first);
}

/** The newest registered release that names exactly what runs, and is not recalled. */
function findKnown(releases: readonly KnownRelease[], components: readonly { name: string; tally: Tally }[]): KnownRelease | null {
  const fits = releases.filter(
    (release) =>
      !release.recalled &&
      components.every(({ name, tally }) => {
        const { artifact } = tally.identity;
        return "known" in artifact && release.components.some((component) => component.artifactId === artifact.known && (component.name === name || release.components.length === 1));
      }),
  );
  return fits.toSorted((a, b) => b.order - a.order)[0] ?? null;
}

/** A recall of the bytes, or of every release that names them: this service's, else anyone's. */
function recallCheck(facts: AdoptionFacts, releasesBy: ReadonlyMap<string, readonly KnownRelease[]>): (service: string, identity: { artifact: AdoptedArtifact }) => boolean {
  const naming = new Map<string, KnownRelease[]>();
  for (const release of [...releasesBy.values()].flat()) {
    for (const { artifactId } of release.components) naming.set(artifactId, [...(naming.get(artifactId) ?? []), release]);
  }
  return (service, { artifact }) => {
    if (!("known" in artifact)) return false;
    if (facts.recalledArtifacts.has(artifact.known)) return true;
    const all = naming.get(artifact.known) ?? [];
    const own = all.filter((release) => release.service === service);
    const weighed = own.length > 0 ? own : all;
    return weighed.length > 0 && weighed.every((release) => release.recalled);
  };
}

function describeComponent(name: string, tally: Tally, images: ReadonlyMap<string, ObservedImage>): AdoptedComponent {
  const reported = [...tally.images].sort(compareText).flatMap((id) => images.get(id) ?? []);
  const references = [...new Set(reported.flatMap(({ reference }) => (reference !== null && tagOf(reference) !== null ? [reference] : [])))].sort(compareText);
  const { digest } = tally.identity;
  const digests = reported.flatMap((image) => [...image.digests]);
  const named = [...digests.filter((one) => one.digest === digest), ...digests].flatMap(({ repository }) => (repository && !isLocalRepository(repository) ? [repository] : []));
  return { name, artifact: tally.identity.artifact, digest, repository: named[0] ?? null, reference: references.length === 1 ? (references[0] ?? null) : null };
}

/** The tag of a reference; null without one, and for `latest`, which names no version. */
function tagOf(reference: string): string | null {
  const [name = ""] = reference.split("@", 1);
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  const tag = colon === -1 ? "" : name.slice(colon + 1);
  return /^\w[\w.-]{0,127}$/.test(tag) && tag !== "latest" ? tag : null;
}

/** New releases get the tag that all of their images were started by, where no other release of the service has it; else their digest names them. */
function nameReleases(releases: readonly AdoptedRelease[], releasesBy: ReadonlyMap<string, readonly KnownRelease[]>): void {
  const wishes = releases.map(({ known, components }) => {
    const tags = new Set(components.map(({ reference }) => (reference === null ? null : tagOf(reference))));
    return known === null && tags.size === 1 ? ([...tags][0] ?? null) : null;
  });
  const claims = new Map<string, number>();
  const claim = (service: string, version: string): number => {
    const count = (claims.get(`${service} ${version}`) ?? 0) + 1;
    claims.set(`${service} ${version}`, count);
    return count;
  };
  for (const [service, known] of releasesBy) for (const { version } of known) claim(service, version);
  for (const [at, { service }] of releases.entries()) if (wishes[at]) claim(service, wishes[at]);
  for (const [at, release] of releases.entries()) {
    if (release.known !== null) continue;
    const wish = wishes[at] ?? null;
    if (wish !== null && claims.get(`${release.service} ${wish}`) === 1) release.version = wish;
    else for (let attempt = 0; release.version === ""; attempt += 1) if (claim(release.service, fallbackName(release, attempt)) === 1) release.version = fallbackName(release, attempt);
  }
}

/** By the digest where there is one, and by all that the release consists of where that name is taken. */
function fallbackName({ components }: AdoptedRelease, attempt: number): string {
  const [only, ...others] = components;
  const alone = attempt === 0 && only && others.length === 0 ? (parseDigest(only.digest)?.hex ?? only.digest) : null;
  const hex = alone ?? bytesToHex(sha256(utf8ToBytes([...components.map(({ name, digest }) => `${name} ${digest}`), ...(attempt > 1 ? [String(attempt)] : [])].join("\n"))));
  return `adopted-${hex.slice(0, 12)}`;
}
