import { compareText } from "@/lib/domain/compare-text";
import { gateOf, type Cut, type Strategy, type WaveGate } from "@/lib/domain/rollout/strategy";

/** A target as it is when the plan is made. */
export interface PlannableTarget {
  /** Unique in the plan. */
  key: string;
  /** The target's own name at its agent, and the agent's: how a strategy names it, as `name` or `agent/name`. */
  name: string;
  agent: string;
  partition: string;
  region: string | null;
  labels: Readonly<Record<string, string>>;
}

export interface PlannedWave {
  /** From 0. */
  index: number;
  name: string;
  gate: WaveGate;
  /** Frozen: who comes later is a newcomer, who vanishes is `gone`. */
  targets: readonly string[];
}

export interface Plan {
  waves: readonly PlannedWave[];
  /** What a person should read in the preview, one sentence each. */
  notes: readonly string[];
}

const CANARY = "canary";

function isCanary(target: PlannableTarget): boolean {
  return target.partition === CANARY || target.labels[CANARY] === "true";
}

/** Canaries first, then by key: the same fleet gives the same plan. */
function orderTargets(targets: readonly PlannableTarget[]): PlannableTarget[] {
  return [...targets].sort((a, b) => Number(isCanary(b)) - Number(isCanary(a)) || compareText(a.key, b.key));
}

/** `declared`: which wave of the strategy it is, from 1. */
type Group = { name: string; declared: number; targets: PlannableTarget[] };

function cutByPercentage(ordered: readonly PlannableTarget[], steps: readonly number[]): Group[] {
  const growing = [...new Set([...steps.filter((step) => step > 0 && step < 100), 100])].sort((a, b) => a - b).map((step, at) => ({ step, declared: at + 1 }));
  // With fewer targets than steps the middle goes: the first stays the canary, the last keeps what stands before it.
  const kept = ordered.length < growing.length ? [...growing.slice(0, Math.max(0, ordered.length - 1)), ...growing.slice(-1)] : growing;
  let taken = 0;
  return kept.map(({ step, declared }, at) => {
    // Rounded up (16.1 % of 1000 are 161, whatever binary fractions say), at least one more than before, and at
    // least one left for each that follows.
    const most = ordered.length - (kept.length - 1 - at);
    const until = step === 100 ? ordered.length : Math.min(most, Math.max(taken + 1, Math.ceil((ordered.length * step) / 100 - 1e-9)));
    const targets = ordered.slice(taken, until);
    taken = until;
    return { name: `${step} %`, declared, targets };
  });
}

function cutByGroup(ordered: readonly PlannableTarget[], { by, order }: Extract<Cut, { kind: "groups" }>): Group[] {
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
  for (const target of ordered) {
    const name = nameOf(target);
    const group = groups.get(name);
    if (group) group.push(target);
    else groups.set(name, [target]);
  }
  return [...groups].sort(([a], [b]) => rank(a) - rank(b) || compareText(a, b)).map(([name, targets], at) => ({ name, declared: at + 1, targets }));
}

function cutByName(ordered: readonly PlannableTarget[], { waves }: Extract<Cut, { kind: "targets" }>): { groups: Group[]; unknown: string[] } {
  const waveOf = new Map<string, number>();
  waves.forEach((wave, at) => {
    // Who is named twice belongs to the first.
    for (const name of wave.targets) if (!waveOf.has(name)) waveOf.set(name, at);
  });
  const found = new Set<string>();
  const groups: Group[] = [...waves.map(({ name }) => name), "the rest"].map((name, at) => ({ name, declared: at + 1, targets: [] }));
  for (const target of ordered) {
    const named = [`${target.agent}/${target.name}`, target.name].filter((name) => waveOf.has(name));
    for (const name of named) found.add(name);
    groups[Math.min(waves.length, ...named.map((name) => waveOf.get(name) ?? waves.length))]?.targets.push(target);
  }
  return { groups, unknown: [...waveOf.keys()].filter((name) => !found.has(name)) };
}

function cut(ordered: readonly PlannableTarget[], how: Cut): { groups: Group[]; unknown: string[] } {
  switch (how.kind) {
    case "all-at-once":
      return { groups: [{ name: "all", declared: 1, targets: [...ordered] }], unknown: [] };
    case "percentages":
      return { groups: cutByPercentage(ordered, how.steps), unknown: [] };
    case "groups":
      return { groups: cutByGroup(ordered, how), unknown: [] };
    case "targets":
      return cutByName(ordered, how);
    default:
      return how satisfies never;
  }
}

function stepsOf(how: Cut): number {
  return how.kind === "percentages" ? new Set([...how.steps.filter((step) => step > 0 && step < 100), 100]).size : 0;
}

/**
 * Freezes the waves of a rollout: ordered sets that together hold every target once. A wave without targets is left
 * out, and the notes say so; no target at all makes no wave.
 */
export function planRollout(targets: readonly PlannableTarget[], strategy: Pick<Strategy, "cut" | "gate" | "waves">): Plan {
  if (targets.length === 0) return { waves: [], notes: ["There is no target: nothing will be replaced."] };
  const { groups, unknown } = cut(orderTargets(targets), strategy.cut);
  const filled = groups.filter((group) => group.targets.length > 0);
  const notes: string[] = [];
  const asked = Math.max(groups.length, stepsOf(strategy.cut));
  if (strategy.cut.kind === "percentages" && filled.length < asked) {
    notes.push(`There are fewer targets (${targets.length}) than waves (${asked}): ${filled.length === 1 ? "one wave is" : `${filled.length} are`} left.`);
  }
  if (strategy.cut.kind === "targets") {
    const empty = groups.filter((group) => group.targets.length === 0 && group.declared < groups.length).map(({ name }) => name);
    if (empty.length > 0) notes.push(`No target is in ${empty.join(", ")}: ${empty.length === 1 ? "that wave is" : "those waves are"} left out.`);
    if (unknown.length > 0) notes.push(`Not here: ${unknown.slice(0, 5).join(", ")}${unknown.length > 5 ? ` and ${unknown.length - 5} more` : ""}.`);
  }
  const waves = filled.map((group, index) => {
    const gate = gateOf(strategy, group.declared);
    // Whoever starts the rollout opens its first wave, whichever of the strategy's it is.
    const opened = index === 0 && group.declared !== 1 ? { ...gate, goAhead: false, check: null } : gate;
    return { index, name: group.name, gate: opened, targets: group.targets.map((target) => target.key) };
  });
  return { waves, notes };
}
