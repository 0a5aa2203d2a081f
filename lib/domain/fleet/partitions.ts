import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { matchesGlob } from "@/lib/domain/access/glob";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { canonicalize } from "@/lib/domain/ledger/canonical-json";

/** So many partitions may be declared for one service in one environment, `default` apart. */
export const MOST_PARTITIONS = 50;

export interface PartitionRule {
  name: string;
  /** All labels must match; `*` in a value is a wildcard. Without labels it takes what mapping rules put there, and nothing else. */
  selector: Readonly<Record<string, string>>;
}

function matchesSelector(labels: Readonly<Record<string, string>>, selector: PartitionRule["selector"]): boolean {
  const asked = Object.entries(selector);
  return asked.length > 0 && asked.every(([label, pattern]) => {
    const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
    return value !== undefined && matchesGlob(pattern, value);
  });
}

/** The partition of a target with these labels: the first that matches in declared order, else `default`. */
export function choosePartition(labels: Readonly<Record<string, string>>, rules: readonly PartitionRule[]): string {
  return rules.find(({ selector }) => matchesSelector(labels, selector))?.name ?? DEFAULT_PARTITION;
}

/** What should run in a partition: a release, or nothing (`releaseId` null). */
export interface PartitionAssignment {
  releaseId: string | null;
  version: string | null;
}

/** A partition as it stands, `default` included. */
export interface StandingPartition extends PartitionRule {
  /** Null: nothing was ever decided. */
  assignment: PartitionAssignment | null;
  /** The number of the rollout that is under way there. */
  rollout: number | null;
  held: boolean;
  pinned: boolean;
}

/** Targets that no selector can tell apart and that are in the same partition now. */
export interface TargetGroup {
  /** The labels that any selector asks for. */
  labels: Readonly<Record<string, string>>;
  partition: string;
  /** The partition that a mapping rule puts them in, whatever the selectors are; null where none does. */
  ruled: string | null;
  /** How many are there now, without those that are gone. */
  targets: number;
  /** Of these, how many should run something else than what is assigned there: what a stopped rollout left. */
  apart: number;
}

export type PartitionRefusal =
  | { reason: "rollout-active"; partition: string; rollout: number }
  | { reason: "different-releases"; partition: string; sides: readonly { partition: string; version: string | null }[] }
  | { reason: "split"; partition: string; targets: number }
  | { reason: "ruled"; partition: string; targets: number }
  | { reason: "pinned"; partition: string }
  | { reason: "held"; partition: string };

export interface PlannedPartition extends PartitionRule {
  isNew: boolean;
  /** Targets that it takes. */
  targets: number;
  /** Targets that its selector matches, or that rules put there; more than it takes when partitions before it take some. */
  matches: number;
  /** Targets that it takes from others. */
  from: readonly { partition: string; targets: number }[];
  /** What will be assigned there. */
  assignment: PartitionAssignment | null;
  /** The partition whose assignment it takes over; null where it keeps its own, or has none. */
  inherits: string | null;
}

export interface PartitionPlan {
  /** The declared ones in order, `default` last. */
  partitions: readonly PlannedPartition[];
  removed: readonly { name: string; targets: number; into: readonly { partition: string; targets: number }[] }[];
  /** Where each of the groups goes, in their order. */
  chosen: readonly string[];
  /** How many targets change partition. */
  moved: number;
  refusals: readonly PartitionRefusal[];
  /** What a person should know; none of it refuses. */
  notes: readonly string[];
}

type Flow = { from: string; to: string; targets: number; apart: number };

/**
 * What declaring these partitions does to a place. Nothing that runs, or should run, may differ by it: each target keeps
 * what is assigned to it, a new partition starts with the assignment of the one that its targets come from, and where
 * targets with different assignments would come together it is refused.
 * @param current the partitions that stand, `default` among them
 */
export function planPartitions({ current, declared, groups }: { current: readonly StandingPartition[]; declared: readonly PartitionRule[]; groups: readonly TargetGroup[] }): PartitionPlan {
  const standing = new Map(current.map((partition) => [partition.name, partition]));
  const chosen = groups.map((group) => partitionOf(group, declared));
  const flows = sumFlows(groups, chosen);
  const moves = flows.filter(({ from, to, targets }) => from !== to && targets > 0);
  const refusals: PartitionRefusal[] = [];
  const all: readonly PartitionRule[] = [...declared.filter(({ name }) => name !== DEFAULT_PARTITION), { name: DEFAULT_PARTITION, selector: {} }];
  const names = new Set(all.map(({ name }) => name));
  const removed = current.filter(({ name }) => !names.has(name));

  for (const name of new Set([...moves.flatMap(({ from, to }) => [from, to]), ...removed.map((partition) => partition.name)])) {
    const rollout = standing.get(name)?.rollout ?? null;
    if (rollout !== null) refusals.push({ reason: "rollout-active", partition: name, rollout });
  }
  for (const { name, pinned, held } of removed) {
    const targets = flows.filter(({ to }) => to === name).reduce((sum, flow) => sum + flow.targets, 0);
    if (targets > 0) refusals.push({ reason: "ruled", partition: name, targets });
    if (pinned) refusals.push({ reason: "pinned", partition: name });
    if (held) refusals.push({ reason: "held", partition: name });
  }
  for (const [partition, targets] of sumBy(moves, ({ from }) => from, ({ apart }) => apart)) if (targets > 0) refusals.push({ reason: "split", partition, targets });

  const partitions = all.map((rule): PlannedPartition => {
    const own = standing.get(rule.name);
    const incoming = moves.filter(({ to }) => to === rule.name);
    const stays = flows.some(({ from, to, targets }) => from === rule.name && to === rule.name && targets > 0);
    const { assignment, inherits, sides } = decideAssignment(rule.name, { own: own ?? null, stays, incoming, standing });
    if (sides.length > 0) refusals.push({ reason: "different-releases", partition: rule.name, sides });
    return {
      ...rule,
      isNew: own === undefined,
      targets: flows.filter(({ to }) => to === rule.name).reduce((sum, { targets }) => sum + targets, 0),
      matches: groups.reduce((sum, group) => sum + (belongsTo(group, rule) ? group.targets : 0), 0),
      from: incoming.map(({ from, targets }) => ({ partition: from, targets })).toSorted((a, b) => b.targets - a.targets),
      assignment,
      inherits,
    };
  });
  return {
    partitions,
    removed: removed.map(({ name }) => {
      const leaving = moves.filter(({ from }) => from === name);
      return { name, targets: leaving.reduce((sum, { targets }) => sum + targets, 0), into: leaving.map(({ to, targets }) => ({ partition: to, targets })) };
    }),
    chosen,
    moved: moves.reduce((sum, { targets }) => sum + targets, 0),
    refusals,
    notes: [...partitions.flatMap((partition, at) => noteOverlap(partition, all.slice(0, at), groups)), ...notePins(moves, standing)],
  };
}

/** Where targets belong: rules go before selectors. */
export function partitionOf({ labels, ruled }: Pick<TargetGroup, "labels" | "ruled">, declared: readonly PartitionRule[]): string {
  return ruled ?? choosePartition(labels, declared);
}

/** Whether a partition would take targets if no other was before it. */
function belongsTo({ labels, ruled }: TargetGroup, { name, selector }: PartitionRule): boolean {
  return ruled === null ? name === DEFAULT_PARTITION || matchesSelector(labels, selector) : ruled === name;
}

function sumFlows(groups: readonly TargetGroup[], chosen: readonly string[]): Flow[] {
  const flows = new Map<string, Flow>();
  groups.forEach(({ partition, targets, apart }, at) => {
    const to = chosen[at] ?? DEFAULT_PARTITION;
    const key = `${partition} ${to}`;
    const flow = flows.get(key) ?? { from: partition, to, targets: 0, apart: 0 };
    flows.set(key, { ...flow, targets: flow.targets + targets, apart: flow.apart + apart });
  });
  return [...flows.values()];
}

function sumBy<T>(items: readonly T[], key: (item: T) => string, value: (item: T) => number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const item of items) sums.set(key(item), (sums.get(key(item)) ?? 0) + value(item));
  return sums;
}

/** What a partition is to run: all that come together in it must agree. `sides` names who does not. */
function decideAssignment(
  name: string,
  { own, stays, incoming, standing }: { own: StandingPartition | null; stays: boolean; incoming: readonly Flow[]; standing: ReadonlyMap<string, StandingPartition> },
): { assignment: PartitionAssignment | null; inherits: string | null; sides: { partition: string; version: string | null }[] } {
  const largestFirst = incoming.toSorted((a, b) => b.targets - a.targets || (a.from < b.from ? -1 : 1)).map(({ from }) => from);
  // Who takes nothing yet starts with what its first targets would have run without it. Targets that a rule put there before it
  // was declared are there already, and nothing was decided for them.
  const sources = own === null && !stays && largestFirst.length === 0 && name !== DEFAULT_PARTITION ? [DEFAULT_PARTITION] : largestFirst;
  const assigned = (partition: string): PartitionAssignment | null => standing.get(partition)?.assignment ?? null;
  const parties = [...(own?.assignment || stays ? [{ partition: name, assignment: own?.assignment ?? null }] : []), ...sources.map((partition) => ({ partition, assignment: assigned(partition) }))];
  const distinct = new Set(parties.map(({ assignment }) => (assignment === null ? "undecided" : (assignment.releaseId ?? "nothing"))));
  const sides = distinct.size > 1 ? parties.map(({ partition, assignment }) => ({ partition, version: assignment?.version ?? null })) : [];
  if (own?.assignment) return { assignment: own.assignment, inherits: null, sides };
  const [source] = sources;
  const assignment = source === undefined ? null : assigned(source);
  return { assignment, inherits: assignment === null ? null : (source ?? null), sides };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Says when a selector matches nothing, or something that a partition before it takes. */
function noteOverlap({ name, selector, targets, matches }: PlannedPartition, before: readonly PartitionRule[], groups: readonly TargetGroup[]): string[] {
  if (name === DEFAULT_PARTITION) return [];
  if (matches === 0 && Object.keys(selector).length === 0) return [`${name} has no selector: it takes what a mapping rule puts there, which is no target now.`];
  if (matches === 0) return [`${name} matches no target that is here now.`];
  if (matches === targets) return [];
  const taken = groups.filter(({ labels, ruled, targets: here }) => here > 0 && ruled === null && matchesSelector(labels, selector) && choosePartition(labels, before) !== DEFAULT_PARTITION);
  const takers = sumBy(taken, ({ labels }) => choosePartition(labels, before), (group) => group.targets);
  return [`${name} matches ${plural(matches, "target")} and takes ${targets}: ${[...takers].map(([taker, count]) => `${taker}, before it, takes ${count}`).join(", ")}.`];
}

function notePins(moves: readonly Flow[], standing: ReadonlyMap<string, StandingPartition>): string[] {
  return moves.flatMap(({ from, to, targets }) => [
    ...(standing.get(from)?.pinned ? [`${plural(targets, "target")} of ${from}, which is pinned, ${targets === 1 ? "moves" : "move"} to ${to} and ${targets === 1 ? "is" : "are"} pinned no more.`] : []),
    ...(standing.get(to)?.pinned ? [`${plural(targets, "target")} of ${from} ${targets === 1 ? "comes" : "come"} under the pin of ${to}.`] : []),
  ]);
}

/** Says a refusal in a sentence or two, and what to do. */
export function explainPartitionRefusal(refusal: PartitionRefusal): string {
  switch (refusal.reason) {
    case "rollout-active":
      return `R-${refusal.rollout} is under way in ${refusal.partition}. Wait for it, or abort it.`;
    case "different-releases":
      return `${refusal.sides.map(({ partition, version }) => `${partition} (${version ?? "nothing assigned"})`).join(" and ")} would come together in ${refusal.partition}. Bring them to one release first, or keep them apart.`;
    case "split":
      return `${plural(refusal.targets, "target")} of ${refusal.partition} ${refusal.targets === 1 ? "is" : "are"} not on what is assigned there, since a rollout was stopped. Complete it first: promote, roll back or reconverge ${refusal.partition}.`;
    case "ruled":
      return `Mapping rules put ${plural(refusal.targets, "target")} into ${refusal.partition}. Change the rules before it is removed.`;
    case "pinned":
      return `${refusal.partition} is pinned. Unpin it before it is removed.`;
    case "held":
      return `Promotions are held in ${refusal.partition}. Lift the hold before it is removed.`;
    default:
      return refusal satisfies never;
  }
}

/** A token over a declared list, 16 hexadecimal characters: equal exactly when names, selectors and order are. */
export function partitionsToken(rules: readonly PartitionRule[]): string {
  const lines = rules.filter(({ name }) => name !== DEFAULT_PARTITION).map(({ name, selector }) => [name, { ...selector }]);
  return bytesToHex(sha256(utf8ToBytes(`plumbline-partitions-v1\n${canonicalize(lines)}`))).slice(0, 16);
}
