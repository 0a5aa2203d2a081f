import { formatCount, formatDay, formatDuration, formatShare, formatTime, toMs } from "@/components/ui/format";
import type { ShapeKind } from "@/components/ui/status-shape";
import type { Tone } from "@/components/ui/tone";
import type { VerdictPart } from "@/components/ui/verdict";
import type { ServiceDto } from "@/lib/contract/fleet";
import type { RolloutDto, RolloutPreview } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";

export type NightRow = ServiceDto["environments"][number];
export type NightChange = ServiceDto["history"][number];

/** How far back "what changed" looks, from the alert or from now. */
export const WINDOW_MS = 60 * 60_000;
/** A change older than this is no news. */
const RECENT_MS = 24 * 60 * 60_000;
/** A pager's clock may be ahead of ours by so much. */
const SKEW_MS = 2 * 60_000;
/** From this share of unhealthy copies on a release is shown as the one that hurts. */
const UNHEALTHY_SHARE = 0.05;

/** When the alert fired, from `at=` in the pager's link: RFC 3339, or seconds or milliseconds since 1970. Null: not said, or not usable. */
export function readAlertTime(text: string | null, nowMs: number): number | null {
  const words = text?.trim() ?? "";
  const digits = /^\d{10}(?:\d{3})?$/.test(words);
  // A plus in a link arrives as a blank.
  const ms = digits ? Number(words) * (words.length === 10 ? 1_000 : 1) : /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(words) ? Date.parse(words.replace(/ (?=\d{2}:?\d{2}$)/, "+")) : Number.NaN;
  if (Number.isNaN(ms) || ms > nowMs + SKEW_MS) return null;
  return Math.min(ms, nowMs);
}

/** From when on changes are listed, epoch ms. */
export function windowStart(alertMs: number | null, nowMs: number): number {
  return (alertMs ?? nowMs) - WINDOW_MS;
}

/** The row that a link without a partition means: the default one, else the first. Null when the service is not known there. */
export function chooseRow(service: ServiceDto, environment: string, partition: string | null): NightRow | null {
  const rows = service.environments.filter((row) => row.environment.name === environment);
  if (partition !== null) return rows.find((row) => row.partition === partition) ?? null;
  return rows.find((row) => row.partition === "default") ?? rows[0] ?? null;
}

/** The newest change of what is assigned there; carrying the same release out again is none. */
export function lastChange(service: ServiceDto, row: NightRow): NightChange | null {
  return (
    service.history.find(
      (change) => change.environment === row.environment.name && change.partition === row.partition && change.kind !== "reconverge" && change.kind !== "replace",
    ) ?? null
  );
}

/** `02:03 UTC`, with the day where it is another one. */
export function momentWords(at: string | number, nowMs: number): string {
  const time = `${formatTime(at).slice(0, 5)} UTC`;
  return formatDay(at) === formatDay(nowMs) && nowMs - toMs(at) < RECENT_MS ? time : `${time} on ${formatDay(at)}`;
}

/** An answer to the alert is told by how long it took. */
function answerWords(alertMs: number | null, changeMs: number): VerdictPart[] {
  const apart = alertMs === null ? -1 : changeMs - alertMs;
  return apart < 0 ? ["."] : [", ", { strong: `${formatDuration(apart, true)} after the alert` }, "."];
}

function alertWords(alertMs: number, changeMs: number): VerdictPart[] {
  const apart = alertMs - changeMs;
  if (Math.abs(apart) < 60_000) return [" The alert fired ", { strong: "at the same time" }, "."];
  return apart > 0
    ? [" The alert fired ", { strong: `${formatDuration(apart, true)} later` }, "."]
    : [" The alert had fired ", { strong: `${formatDuration(-apart, true)} before` }, ": it did not begin with this."];
}

function tally(rollout: RolloutDto): string {
  return `${formatCount(rollout.counts.verified)} of ${formatCount(rollout.counts.total)}`;
}

export interface NightFacts {
  service: string;
  row: NightRow;
  change: NightChange | null;
  /** What is under way here. */
  active: RolloutDto | null;
  alertMs: number | null;
  nowMs: number;
  /** Other places of this environment that changed in the window. */
  others: number;
}

/** What changed, in a sentence: the first thing that somebody reads who was woken up. */
export function describeNight({ service, row, change, active, alertMs, nowMs, others }: NightFacts): VerdictPart[] {
  const where = row.environment.name;
  const name = { strong: service };
  const beside: VerdictPart[] = others > 0 ? [" ", { strong: `${formatCount(others)} other ${others === 1 ? "service" : "services"}` }, ` changed in ${where} in the same hour.`] : [];
  if (active && active.kind !== "promote") return [...describeActive(active), ...(change && alertMs !== null && active.kind !== "rollback" ? alertWords(alertMs, toMs(change.at)) : []), ...beside];
  if (change === null) {
    return row.assigned === null
      ? ["Nothing is assigned to ", name, ` in ${where}${row.instances > 0 ? `, and ${formatCount(row.instances)} run without a decision` : ""}.`, ...beside]
      : [{ strong: `${service} ${row.assigned.version}` }, ` runs in ${where}; no change of it is on record.`, ...beside];
  }
  const at = momentWords(change.at, nowMs);
  const alert = alertMs === null ? [] : alertWords(alertMs, toMs(change.at));
  if (nowMs - toMs(change.at) > RECENT_MS && !active) {
    return [{ strong: `${service} ${change.version ?? "stopped"}` }, ` has not changed in ${where} since ${at}.`, ...(others > 0 ? beside : [` Nothing else changed in ${where} in the last hour.`])];
  }
  if (change.kind === "stop") return [name, ` was stopped in ${where} at ${at}`, ...answerWords(alertMs, toMs(change.at)), ...beside];
  if (change.kind === "rollback") return [name, " was rolled back to ", { strong: change.version ?? "nothing" }, ` in ${where} at ${at}`, ...answerWords(alertMs, toMs(change.at)), ...beside];
  const share = row.instances === 0 ? 0 : countOn(row, change.version) / row.instances;
  const reach = share === 0 ? ` runs nowhere in ${where} yet.` : share === 1 ? ` runs on all of ${where}.` : ` reached ${formatShare(share)} of ${where}.`;
  return [{ strong: `${service} ${change.version ?? ""}`.trim() }, ` started at ${at} and${reach}`, ...alert, ...beside];
}

function countOn(row: NightRow, version: string | null): number {
  return row.running.filter((running) => running.version === version).reduce((sum, running) => sum + running.instances, 0);
}

const MOVING = { promote: ["Rolling ", " out: "], rollback: ["Rolling ", " back to "], reconverge: ["Putting ", " back on "], replace: ["Replacing ", " with "], stop: ["Stopping ", ""] } as const;

function describeActive(rollout: RolloutDto): VerdictPart[] {
  const [before, after] = MOVING[rollout.kind];
  const goal: VerdictPart[] = rollout.kind === "stop" ? [] : [after, { strong: rollout.to?.version ?? "nothing" }];
  return [before, { strong: rollout.service }, ...goal, `${rollout.status === "paused" ? ", paused" : ""}: `, { strong: tally(rollout) }, " verified."];
}

/** A rollout's state as a mark and words: `◐ under way, 312 of 1,204 verified`. */
export function describeProgress(rollout: RolloutDto): { shape: ShapeKind; words: string } {
  const bad = rollout.counts.stuck + rollout.counts.failed;
  const stuck = bad > 0 ? `, ${formatCount(bad)} stuck` : "";
  if (rollout.status === "paused") return { shape: "paused", words: `paused, ${tally(rollout)} verified${stuck}` };
  if (isActiveRollout(rollout.status)) return { shape: bad > 0 ? "stuck" : "rolling", words: `under way, ${tally(rollout)} verified${stuck}` };
  if (rollout.status === "succeeded") return { shape: "match", words: "done" };
  if (rollout.status === "succeeded-will-revert") return { shape: "drift", words: "done, but another tool will revert it" };
  return { shape: rollout.status === "failed" ? "alert" : "neutral", words: rollout.status === "aborted" ? `stopped, ${tally(rollout)} verified` : rollout.status };
}

export interface HealthBar {
  key: string;
  version: string | null;
  digest: string | null;
  instances: number;
  unhealthy: number;
  share: number;
  tone: Tone;
}

/** Unhealthy copies by what they run, worst first. */
export function toHealthBars(row: NightRow): HealthBar[] {
  return row.running
    .filter((running) => running.instances > 0)
    .map((running, index): HealthBar => {
      const share = running.unhealthy / running.instances;
      return { key: `${running.version ?? running.digest ?? ""} ${index}`, version: running.version, digest: running.digest, instances: running.instances, unhealthy: running.unhealthy, share, tone: share > UNHEALTHY_SHARE ? "critical" : "neutral" };
    })
    .toSorted((a, b) => b.share - a.share || b.instances - a.instances);
}

export interface NightPlace {
  service: string;
  environment: string;
  partition: string;
}

/** What else changed here: the newest rollout of every other place, those under way first, then the newest. `more` counts earlier ones of the same place. */
export function toOthers(rollouts: readonly RolloutDto[], here: NightPlace): { rollout: RolloutDto; more: number }[] {
  const byPlace = new Map<string, RolloutDto[]>();
  for (const rollout of rollouts) {
    if (rollout.environment !== here.environment) continue;
    if (rollout.service === here.service && rollout.partition === here.partition) continue;
    const key = `${rollout.service}/${rollout.partition}`;
    byPlace.set(key, [...(byPlace.get(key) ?? []), rollout]);
  }
  return [...byPlace.values()]
    .flatMap((list) => {
      const [newest] = list.toSorted((a, b) => b.number - a.number);
      return newest ? [{ rollout: newest, more: list.length - 1 }] : [];
    })
    .toSorted((a, b) => Number(isActiveRollout(b.rollout.status)) - Number(isActiveRollout(a.rollout.status)) || b.rollout.number - a.rollout.number);
}

const DID = { promote: "promoted", rollback: "rolled back", reconverge: "put back on its release", replace: "replaced", stop: "stopped" } as const;

/** What a rollout did, after the service's name: `promoted 2.3.0 → 2.4.0`. */
export function describeChange(rollout: RolloutDto): string {
  const to = rollout.to?.version ?? "nothing";
  if (rollout.kind === "promote" || rollout.kind === "rollback") return `${DID[rollout.kind]}, ${rollout.from?.version ?? "nothing"} to ${to}`;
  return rollout.kind === "stop" ? DID.stop : `${DID[rollout.kind]}, ${to}`;
}

/** What stands in the reason's field beforehand: true, short, and the person's own to change. */
export function proposeReason({ incident, change, alertMs, nowMs }: { incident: string | null; change: { version: string | null; at: string } | null; alertMs: number | null; nowMs: number }): string {
  const alert = alertMs === null ? null : `alert at ${momentWords(alertMs, nowMs)}`;
  const since = change?.version ? `${change.version} since ${momentWords(change.at, nowMs)}` : null;
  const words = [incident ?? "Paged", alert, since].filter(Boolean).join(", ");
  return words.slice(0, 500);
}

/** The query that a rollback from here carries on. */
export function carryOn(place: NightPlace, { incident, reason }: { incident: string | null; reason: string }): string {
  const query = new URLSearchParams({ environment: place.environment, partition: place.partition, reason });
  if (incident !== null) query.set("incident", incident);
  return `/services/${encodeURIComponent(place.service)}/rollback?${query}`;
}

/**
 * Whether the release that would be proposed is the very one that somebody has just left: it must never be one tap away.
 * Another one can still be chosen.
 */
export function isLeft({ to, latest, hold }: { to: { version: string } | null; latest: RolloutDto | null; hold: NightRow["hold"] }): boolean {
  if (to === null) return false;
  return (latest?.kind === "rollback" && latest.from?.version === to.version) || hold?.version === to.version;
}

export interface WayBack {
  /** Whether the way back is open, as the server decides it; null: it could not be asked. */
  ok: boolean | null;
  title: string;
  sentences: string[];
}

/** The last word of the evidence: may one go back, and to what. */
export function describeWayBack(preview: RolloutPreview | null, left = false): WayBack {
  if (preview === null) return { ok: null, title: "Nobody knows whether the way back is open", sentences: ["It could not be looked up just now."] };
  const to = preview.to?.version ?? null;
  if (left) return { ok: true, title: "It went back already", sentences: [`${to ?? "What ran before"} is what was left. To go further back, choose the release yourself.`] };
  if (!preview.allowed || to === null) {
    return { ok: false, title: to === null ? "No earlier release is known to go back to" : `The way back to ${to} is not open`, sentences: preview.reasons.map((reason) => reason.sentence) };
  }
  const required = preview.evidence.filter((item) => item.required);
  const held = required.filter((item) => item.ok === true).length;
  const failing = preview.evidence.filter((item) => item.ok === false).map((item) => item.sentence);
  return {
    ok: true,
    title: "The way back is open",
    sentences: [`${to}: ${held} of ${required.length} required checks hold${preview.weakEvidence ? "; the evidence is weak" : ""}.`, ...failing.map((sentence) => sentence.replace(/^[a-z]/, (letter) => letter.toUpperCase())), ...preview.warnings.map((warning) => warning.sentence)],
  };
}
