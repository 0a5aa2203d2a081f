import type { LastKnownGoodPolicy } from "@/lib/domain/rollout/last-known-good";
import { FAILURE_ACTIONS, type Cut, type ExternalCheck, type FailureAction, type Strategy, type WaveGate } from "@/lib/domain/rollout/strategy";

/** A form's fields by name; a box that is not ticked is not there. */
export type Fields = ReadonlyMap<string, string>;
export type Read<T> = { ok: true; value: T } | { ok: false; errors: ReadonlyMap<string, string> };

export const CUTS = ["percentages", "groups", "targets", "all-at-once"] as const satisfies readonly Cut["kind"][];
export const OPERATORS = ["<", "<=", ">", ">=", "==", "!="] as const;
const DEFAULT_CHECK = { timeoutMs: 10_000, everyMs: 10_000, withinMs: 300_000 };
const MOST_WAVES = 20;

/** What stands in the form for a strategy. Waves with rules of their own have no fields; they are kept as they are. */
export function toFields({ cut, gate, onFailure, maxInFlight, minUptimeMs, stuckAfterMs }: Strategy): Record<string, string> {
  const { check } = gate;
  return {
    cut: cut.kind,
    steps: cut.kind === "percentages" ? cut.steps.join(", ") : "5, 25, 100",
    by: cut.kind === "groups" ? (typeof cut.by === "string" ? cut.by : "label") : "region",
    label: cut.kind === "groups" && typeof cut.by !== "string" ? cut.by.label : "",
    order: cut.kind === "groups" ? cut.order.join(", ") : "",
    targets: cut.kind === "targets" ? cut.waves.map(({ name, targets }) => `${name}: ${targets.join(", ")}`).join("\n") : "",
    passShare: trim(gate.passShare * 100),
    soak: trim(gate.soakMs / 60_000),
    failureThreshold: trim(gate.failureThreshold * 100),
    maxFailures: String(gate.maxFailures),
    ...(gate.health && { health: "on" }),
    ...(gate.goAhead && { goAhead: "on" }),
    check: check?.kind ?? "none",
    url: check?.url ?? "",
    query: check?.kind === "prometheus" ? check.query : "",
    op: check?.kind === "prometheus" ? check.op : "<",
    threshold: check?.kind === "prometheus" ? String(check.threshold) : "0",
    every: trim((check?.everyMs ?? DEFAULT_CHECK.everyMs) / 1_000),
    timeout: trim((check?.timeoutMs ?? DEFAULT_CHECK.timeoutMs) / 1_000),
    within: trim((check?.withinMs ?? DEFAULT_CHECK.withinMs) / 60_000),
    onFailure,
    maxInFlight: maxInFlight === null ? "" : String(maxInFlight),
    minUptime: trim(minUptimeMs / 1_000),
    stuckAfter: trim(stuckAfterMs / 60_000),
  };
}

/** A strategy from a form, or what is wrong with which field. `before` is what was edited. */
export function readForm(fields: Fields, before: Strategy): Read<Strategy> {
  const errors = new Map<string, string>();
  const gate: WaveGate = {
    passShare: number(fields, "passShare", errors, { above: 0, most: 100 }) / 100,
    soakMs: Math.round(number(fields, "soak", errors, { least: 0, most: 7 * 24 * 60 }) * 60_000),
    failureThreshold: number(fields, "failureThreshold", errors, { least: 0, most: 100 }) / 100,
    maxFailures: number(fields, "maxFailures", errors, { least: 0, most: 100_000, whole: true }),
    health: fields.has("health"),
    goAhead: fields.has("goAhead"),
    check: readCheck(fields, errors),
  };
  const value: Strategy = {
    cut: readCut(fields, errors),
    gate,
    waves: before.waves,
    onFailure: readAction(fields),
    maxInFlight: textOf(fields, "maxInFlight") === "" ? null : number(fields, "maxInFlight", errors, { least: 1, most: 100_000, whole: true }),
    minUptimeMs: Math.round(number(fields, "minUptime", errors, { least: 0, most: 3_600 }) * 1_000),
    stuckAfterMs: Math.round(number(fields, "stuckAfter", errors, { least: 1 / 60, most: 24 * 60 }) * 60_000),
  };
  return errors.size > 0 ? { ok: false, errors } : { ok: true, value };
}

/** What stands in the form for what is known to be good. */
export function toGoodFields({ minShare, minRanForMs, maxUnhealthyShare }: LastKnownGoodPolicy): Record<string, string> {
  return { minShare: trim(minShare * 100), minRanFor: trim(minRanForMs / 60_000), maxUnhealthy: trim(maxUnhealthyShare * 100) };
}

/** What is known to be good, from a form, or what is wrong with which field. */
export function readGoodForm(fields: Fields): Read<LastKnownGoodPolicy> {
  const errors = new Map<string, string>();
  const value: LastKnownGoodPolicy = {
    minShare: number(fields, "minShare", errors, { above: 0, most: 100 }) / 100,
    minRanForMs: Math.round(number(fields, "minRanFor", errors, { least: 0, most: 90 * 24 * 60 }) * 60_000),
    maxUnhealthyShare: number(fields, "maxUnhealthy", errors, { least: 0, most: 100 }) / 100,
  };
  return errors.size > 0 ? { ok: false, errors } : { ok: true, value };
}

function readCut(fields: Fields, errors: Map<string, string>): Cut {
  const kind = CUTS.find((each) => each === textOf(fields, "cut")) ?? "all-at-once";
  switch (kind) {
    case "all-at-once":
      return { kind };
    case "percentages": {
      const steps = listOf(textOf(fields, "steps")).map((step) => Number(step.replace(/\s*%$/, "")));
      const wrong = steps.length === 0 || steps.length > MOST_WAVES || steps.some((step, at) => !(step > 0 && step <= 100) || (at > 0 && step <= (steps[at - 1] ?? 0)));
      if (wrong) errors.set("steps", `Growing percentages up to 100, at most ${MOST_WAVES}: 5, 25, 100.`);
      return { kind, steps };
    }
    case "groups": {
      const by = textOf(fields, "by");
      const label = textOf(fields, "label");
      if (by === "label" && label === "") errors.set("label", "Name the label.");
      return { kind, by: by === "partition" || by === "region" ? by : { label }, order: listOf(textOf(fields, "order")) };
    }
    case "targets": {
      const waves = textOf(fields, "targets").split("\n").filter((line) => line.trim() !== "").map((line) => {
        const colon = line.indexOf(":");
        return { name: line.slice(0, Math.max(0, colon)).trim(), targets: listOf(line.slice(colon + 1)) };
      });
      if (waves.length === 0 || waves.length > MOST_WAVES || waves.some(({ name, targets }) => name === "" || targets.length === 0)) errors.set("targets", `One wave a line, at most ${MOST_WAVES}: its name, a colon, its targets.`);
      return { kind, waves };
    }
    default:
      return kind satisfies never;
  }
}

function readCheck(fields: Fields, errors: Map<string, string>): ExternalCheck | null {
  const kind = textOf(fields, "check");
  if (kind !== "webhook" && kind !== "prometheus") return null;
  const url = textOf(fields, "url");
  if (!/^https?:\/\/[^\s/]+/.test(url)) errors.set("url", "An address that begins with https://.");
  const times = {
    timeoutMs: Math.round(number(fields, "timeout", errors, { least: 0.1, most: 60 }) * 1_000),
    everyMs: Math.round(number(fields, "every", errors, { least: 0.5, most: 3_600 }) * 1_000),
    withinMs: Math.round(number(fields, "within", errors, { least: 1 / 60, most: 24 * 60 }) * 60_000),
  };
  if (kind === "webhook") return { kind, url, ...times };
  const query = textOf(fields, "query");
  if (query === "") errors.set("query", "What is asked, in PromQL.");
  return { kind, url, query, op: OPERATORS.find((op) => op === textOf(fields, "op")) ?? "<", threshold: number(fields, "threshold", errors, {}), ...times };
}

function readAction(fields: Fields): FailureAction {
  return FAILURE_ACTIONS.find((action) => action === textOf(fields, "onFailure")) ?? "pause";
}

function number(fields: Fields, name: string, errors: Map<string, string>, { above, least, most, whole }: { above?: number; least?: number; most?: number; whole?: boolean }): number {
  const text = textOf(fields, name);
  const value = text === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value) && (above === undefined || value > above) && (least === undefined || value >= least) && (most === undefined || value <= most) && (!whole || Number.isInteger(value))) return value;
  const from = above === undefined ? (least === undefined ? "" : ` from ${trim(least)}`) : ` above ${above}`;
  errors.set(name, `${whole ? "A whole number" : "A number"}${from}${most === undefined ? "" : ` to ${most}`}.`);
  return 0;
}

function textOf(fields: Fields, name: string): string {
  return fields.get(name)?.trim() ?? "";
}

function listOf(text: string): string[] {
  return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

/** Without the dust of binary fractions. */
function trim(value: number): string {
  return String(Number(value.toFixed(4)));
}
