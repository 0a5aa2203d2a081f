import type { LastKnownGoodPolicy } from "./last-known-good";
import { gateOf, type Cut, type ExternalCheck, type FailureAction, type Strategy, type WaveGate } from "./strategy";

/**
 * A strategy in words for people: one sentence, without its full stop, that says how it goes, as in "canary 5 % → 25 % →
 * 100 %, each watched for 1 min; more than 5 % failures roll it back".
 */
export function describeStrategy({ cut, gate, onFailure }: Pick<Strategy, "cut" | "gate" | "onFailure">): string {
  const watched = gate.soakMs > 0 ? `, ${cut.kind === "all-at-once" ? "" : "each "}watched for ${describeTime(gate.soakMs)}` : "";
  return `${describeCut(cut)}${watched}; ${describeFailures(gate, onFailure)}`;
}

/** What holds for every rollback, reconverge and stop (advance-rollout.ts). */
export const WAY_BACK = "Whoever fails keeps nobody else of its wave from going back.";

/** What the sentence leaves out, one sentence each: what stands before a wave, limits, and waves with rules of their own. */
export function describeDetails(strategy: Strategy): string[] {
  const { gate, cut, maxInFlight, minUptimeMs, stuckAfterMs } = strategy;
  const later = cut.kind === "all-at-once" ? "it starts" : "each further wave";
  return [
    gate.passShare < 1 ? `A wave passes when ${percent(gate.passShare)} of its targets are verified.` : "A wave passes when all of its targets are verified.",
    minUptimeMs > 0 ? `A copy counts once it has been up for ${describeTime(minUptimeMs)} without a restart.` : "A copy counts as soon as it runs.",
    `A replacement that takes longer than ${describeTime(stuckAfterMs)} is stuck.`,
    gate.health ? "A verified target that becomes unhealthy or crashes counts as failed." : "Health is not watched.",
    ...(gate.goAhead ? [`A person says go before ${later}.`] : []),
    ...(gate.check ? [`Before ${later}: ${describeCheck(gate.check)}.`] : []),
    ...(maxInFlight === null ? [] : [`At most ${maxInFlight} ${maxInFlight === 1 ? "target is" : "targets are"} in flight at a time.`]),
    ...strategy.waves.toSorted((a, b) => a.wave - b.wave).flatMap(({ wave, ...own }) => {
      const words = describeChanges(own, gateOf(strategy, wave));
      return words.length === 0 ? [] : [`Wave ${wave}: ${words.join(", ")}.`];
    }),
  ];
}

/** What has to be seen of a release before it is known to be good, as in "ran on 90 % of the targets for 30 min, unhealthy for at most 5 % of the time". */
export function describeLastKnownGood({ minShare, minRanForMs, maxUnhealthyShare }: LastKnownGoodPolicy): string {
  const long = minRanForMs > 0 ? ` for ${describeTime(minRanForMs)}` : "";
  return `ran on ${percent(minShare)} of the targets${long}, ${maxUnhealthyShare > 0 ? `unhealthy for at most ${percent(maxUnhealthyShare)} of the time` : "never unhealthy"}`;
}

/** The waves by name, as far as they are known before there is a fleet; null for one per region, partition or label. */
export function listWaves(cut: Cut): string[] | null {
  switch (cut.kind) {
    case "all-at-once":
      return ["everyone"];
    case "percentages":
      return [...cut.steps.filter((step) => step < 100), 100].map((step) => `${step} %`);
    case "groups":
      return null;
    case "targets":
      return [...cut.waves.map(({ name }) => name), "the rest"];
    default:
      return cut satisfies never;
  }
}

function describeCut(cut: Cut): string {
  switch (cut.kind) {
    case "all-at-once":
      return "everyone at once";
    case "percentages": {
      const waves = listWaves(cut) ?? [];
      return waves.length === 1 ? "everyone at once" : `canary ${waves.join(" → ")}`;
    }
    case "groups": {
      const [by, place] = typeof cut.by === "string" ? [`one ${cut.by} after another`, `${cut.by}s`] : [`one ${cut.by.label} after another`, `values of ${cut.by.label}`];
      return cut.order.length === 0 ? by : `${by}, ${cut.order.join(" → ")} → other ${place}`;
    }
    case "targets":
      return [...cut.waves.map(({ name, targets }) => `${name} (${targets.length === 1 ? "1 target" : `${targets.length} targets`})`), "the rest"].join(" → ");
    default:
      return cut satisfies never;
  }
}

const ON_FAILURE: Record<FailureAction, { one: string; many: string }> = {
  pause: { one: "pauses it", many: "pause it" },
  rollback: { one: "rolls it back", many: "roll it back" },
  fail: { one: "ends it as failed", many: "end it as failed" },
};

function describeFailures({ failureThreshold, maxFailures }: Pick<WaveGate, "failureThreshold" | "maxFailures">, action: FailureAction): string {
  const { one, many } = ON_FAILURE[action];
  const limit = describeLimit({ failureThreshold, maxFailures });
  if (limit === null) return `any failure ${one}`;
  return `more than ${limit} ${failureThreshold === 0 && maxFailures === 1 ? one : many}`;
}

/** null: not one. */
function describeLimit({ failureThreshold, maxFailures }: Pick<WaveGate, "failureThreshold" | "maxFailures">): string | null {
  const share = failureThreshold > 0 ? `${percent(failureThreshold)} failures` : null;
  const number = maxFailures > 0 ? `${maxFailures} ${maxFailures === 1 ? "failure" : "failures"}` : null;
  return share !== null && number !== null ? `${share} (and more than ${maxFailures})` : (share ?? number);
}

function describeCheck(check: ExternalCheck): string {
  const asked = check.kind === "webhook" ? `${hostOf(check.url)} is asked` : `${hostOf(check.url)} is asked whether ${check.query} ${check.op} ${check.threshold}`;
  return `${asked} every ${describeTime(check.everyMs)}, for at most ${describeTime(check.withinMs)}`;
}

/** Without the rest of the address: that may hold what is nobody's business. */
function hostOf(url: string): string {
  return /^[a-z]+:\/\/(?:[^/@]*@)?([^/?#]+)/i.exec(url)?.[1] ?? "another system";
}

function describeChanges(own: Partial<WaveGate>, gate: WaveGate): string[] {
  const limit = describeLimit(gate);
  return [
    ...(own.goAhead === undefined ? [] : [own.goAhead ? "a person says go first" : "no go-ahead"]),
    ...(own.check === undefined ? [] : [own.check ? describeCheck(own.check) : "no check"]),
    ...(own.passShare === undefined ? [] : [`passes at ${percent(own.passShare)}`]),
    ...(own.soakMs === undefined ? [] : [own.soakMs > 0 ? `watched for ${describeTime(own.soakMs)}` : "not watched"]),
    ...(own.failureThreshold === undefined && own.maxFailures === undefined ? [] : [limit === null ? "any failure is too many" : `more than ${limit} are too many`]),
    ...(own.health === undefined ? [] : [own.health ? "health counts" : "health is not watched"]),
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** A time in the units that it is made of: `1 h 30 min`. */
function describeTime(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, size] of UNITS) {
    const count = unit === "s" ? Number((rest / size).toFixed(1)) : Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    rest -= Math.floor(rest / size) * size;
  }
  return parts.join(" ");
}
