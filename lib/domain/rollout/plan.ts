/** A target as it is when the plan is made. */
export interface PlannableTarget {
  key: string;
  partition: string;
  region: string | null;
  labels: Readonly<Record<string, string>>;
}

/**
 * How a rollout is cut into waves: everything at once, in growing percentages of all targets, or one wave per value of
 * a region, partition or label, in the given order and then by name.
 */
export type Strategy =
  | { kind: "all-at-once" }
  | { kind: "percentages"; steps: readonly number[] }
  | { kind: "groups"; by: { label: string } | "region" | "partition"; order: readonly string[] };

/** When a wave passes, and when it fails. */
export interface WavePolicy {
  /** Share of its targets, 0 to 1, that must be verified. */
  passShare: number;
  /** How long (ms) it stays that way before the next opens. */
  soakMs: number;
  /** Share of failed targets, 0 to 1, above which the wave fails. */
  failureThreshold: number;
}

export const DEFAULT_WAVE_POLICY: WavePolicy = { passShare: 1, soakMs: 0, failureThreshold: 0 };

export interface PlannedWave extends WavePolicy {
  /** From 0. */
  index: number;
  name: string;
  /** Frozen: who comes later is a newcomer, who vanishes is `gone`. */
  targets: readonly string[];
}

export interface Plan {
  waves: readonly PlannedWave[];
  /** What a person should read in the preview, one sentence each. */
  notes: readonly string[];
}

const CANARY = "canary";

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function isCanary(target: PlannableTarget): boolean {
  return target.partition === CANARY || target.labels[CANARY] === "true";
}

/** Canaries first, then by key: the same fleet gives the same plan. */
function orderTargets(targets: readonly PlannableTarget[]): PlannableTarget[] {
  return [...targets].sort((a, b) => Number(isCanary(b)) - Number(isCanary(a)) || compareText(a.key, b.key));
}

type Group = { name: string; targets: PlannableTarget[] };

function cutByPercentage(ordered: readonly PlannableTarget[], steps: readonly number[]): Group[] {
  const growing = [...new Set([...steps.filter((step) => step > 0 && step < 100), 100])].sort((a, b) => a - b);
  let taken = 0;
  return growing.map((step) => {
    // Rounded up, at least one more than before, as long as there are any.
    const until = Math.min(ordered.length, Math.max(taken + 1, Math.ceil((ordered.length * step) / 100)));
    const targets = ordered.slice(taken, until);
    taken = until;
    return { name: `${step} %`, targets };
  });
}

function cutByGroup(
  ordered: readonly PlannableTarget[],
  by: Extract<Strategy, { kind: "groups" }>["by"],
  order: readonly string[],
): Group[] {
  const nameOf = (target: PlannableTarget): string => {
    if (by === "region") return target.region ?? "no region";
    if (by === "partition") return target.partition;
    return target.labels[by.label] ?? `no ${by.label}`;
  };
  const rank = (name: string): number => {
    if (name === CANARY) return -1;
    const position = order.indexOf(name);
    return position === -1 ? order.length : position;
  };
  const groups = new Map<string, PlannableTarget[]>();
  for (const target of ordered) groups.set(nameOf(target), [...(groups.get(nameOf(target)) ?? []), target]);
  return [...groups]
    .map(([name, targets]) => ({ name, targets }))
    .sort((a, b) => rank(a.name) - rank(b.name) || compareText(a.name, b.name));
}

function cut(ordered: readonly PlannableTarget[], strategy: Strategy): Group[] {
  switch (strategy.kind) {
    case "all-at-once":
      return [{ name: "all", targets: [...ordered] }];
    case "percentages":
      return cutByPercentage(ordered, strategy.steps);
    case "groups":
      return cutByGroup(ordered, strategy.by, strategy.order);
    default:
      return strategy satisfies never;
  }
}

/**
 * Freezes the waves of a rollout: ordered sets that together hold every target once. A wave without targets is left
 * out, and the notes say so; no target at all makes no wave.
 */
export function planRollout(
  targets: readonly PlannableTarget[],
  strategy: Strategy,
  policy: WavePolicy = DEFAULT_WAVE_POLICY,
): Plan {
  const groups = cut(orderTargets(targets), strategy);
  const filled = groups.filter((group) => group.targets.length > 0);
  const notes: string[] = [];
  if (targets.length === 0) notes.push("There is no target: nothing will be replaced.");
  else if (filled.length < groups.length) {
    notes.push(`There are fewer targets (${targets.length}) than waves (${groups.length}): ${filled.length} are left.`);
  }
  const waves = filled.map((group, index) => ({
    ...policy,
    index,
    name: group.name,
    targets: group.targets.map((target) => target.key),
  }));
  return { waves, notes };
}
