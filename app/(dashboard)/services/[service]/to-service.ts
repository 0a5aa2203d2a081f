import { NO_EVIDENCE, conditionTone, conditionVerb, conditionWord, plural, rankSeverity } from "@/app/(dashboard)/words";
import type { LaneFlag, LaneSegment } from "@/components/charts/lane";
import type { EnvironmentRow } from "@/components/services/environment-rows";
import type { InstanceRow } from "@/components/services/instances-table";
import { formatCount, formatDateTime, toMs } from "@/components/ui/format";
import { TONES, deviates, toneOfSeverity, worstTone } from "@/components/ui/tone";
import type { Tone } from "@/components/ui/tone";
import type { VerdictPart } from "@/components/ui/verdict";
import type { InstanceDto, ServiceDto } from "@/lib/contract/fleet";
import type { FreezeDto } from "@/lib/contract/freezes";
import type { StrategyDto } from "@/lib/contract/strategies";
import { formatSelector } from "@/lib/domain/fleet/selector";

export type ServiceEnvironment = ServiceDto["environments"][number];

/** The worst of what is there: drift, then what moves, then silence. */
export function toneOfEnvironment(row: ServiceEnvironment): Tone {
  const worst = worstTone(row.running.map((running) => toneOfSeverity(running.severity)));
  if (deviates(worst)) return worst;
  if (row.rollout) return "rolling";
  if (row.silent > 0) return "unknown";
  return worst;
}

/** Instances of an environment that run something else than what is assigned, or should not run at all. */
function countOff(row: ServiceEnvironment): number {
  return row.running.filter((running) => deviates(toneOfSeverity(running.severity))).reduce((sum, running) => sum + running.instances, 0);
}

/** Where copies are unhealthy: another matter than what runs there, and the first thing that somebody on call looks for. */
function describeHealth(service: ServiceDto): VerdictPart[] {
  return service.environments.flatMap((row): VerdictPart[] => {
    const unhealthy = row.running.reduce((sum, running) => sum + running.unhealthy, 0);
    return unhealthy > 0 ? [" ", { shape: "alert" }, { strong: `${formatCount(unhealthy)} of ${formatCount(row.instances)}` }, ` ${plural(unhealthy, "is", "are")} unhealthy in ${row.environment.name}.`] : [];
  });
}

/** The service in a sentence: where it is as assigned, and where it is not. */
export function describeService(service: ServiceDto): VerdictPart[] {
  const name = { strong: service.name };
  if (service.environments.length === 0) return [name, " runs nowhere and is assigned nowhere yet."];
  const off = service.environments.filter((row) => deviates(toneOfEnvironment(row)));
  const silent = service.environments.filter((row) => row.silent > 0 && !off.includes(row));
  if (off.length === 0 && silent.length === 0) {
    const assigned = service.environments.filter((row) => row.assigned !== null).length;
    if (assigned === 0) return [name, " is seen in ", { strong: `${service.environments.length} ${plural(service.environments.length, "environment")}` }, "; nothing is assigned to it yet."];
    return [name, " runs as assigned everywhere.", ...describeHealth(service)];
  }
  const parts: VerdictPart[] = [name];
  const ranked = [...off].sort((a, b) => TONES.indexOf(toneOfEnvironment(a)) - TONES.indexOf(toneOfEnvironment(b)));
  ranked.forEach((row, index) => {
    const where = row.environment.name;
    const [worst] = [...row.running].filter((running) => deviates(toneOfSeverity(running.severity))).sort((a, b) => rankSeverity(a.severity) - rankSeverity(b.severity));
    if (index > 0) parts.push(" It");
    if (row.rollout && (!worst || worst.severity === "rolling")) {
      parts.push(` is on its way in ${where}: `, { link: `${formatCount(row.rollout.verified)} of ${formatCount(row.rollout.total)} verified`, href: `/rollouts/${row.rollout.id}` }, ".");
    } else if (worst) {
      parts.push(` ${conditionVerb(worst.worst)} in ${where}: `, { strong: `${formatCount(countOff(row))} of ${formatCount(row.instances)}` }, ` ${plural(row.instances, "instance")}.`);
    } else {
      parts.push(` is silent on ${formatCount(row.silent)} of ${formatCount(row.instances)} in ${where}.`);
    }
  });
  for (const row of silent) parts.push(` ${formatCount(row.silent)} of ${formatCount(row.instances)} in ${row.environment.name} are silent.`);
  return [...parts, ...describeHealth(service)];
}

export interface Policy {
  strategies: readonly Pick<StrategyDto, "environment" | "promote">[];
  freezes: readonly Pick<FreezeDto, "environment" | "service" | "state" | "name" | "until">[];
}

/** How an environment rolls out, and what freezes it now for this service; null where that is not known, or nothing does. */
export function describePolicy(service: string, environment: string, { strategies, freezes }: Policy): { strategy: string | null; freeze: string | null } {
  const strategy = strategies.find((one) => one.environment === environment);
  const freeze = freezes.find((one) => one.state === "frozen" && one.environment === environment && (one.service === null || one.service === service));
  return {
    strategy: strategy ? `Rolls out: ${strategy.promote.sentence}` : null,
    freeze: freeze ? `Frozen: ${freeze.name}${freeze.until ? ` until ${formatDateTime(freeze.until)} UTC` : ""}` : null,
  };
}

/** A pin in words: "change freeze, Ines Duarte, until 31 Jan 00:00:00 UTC". */
export function describePin({ pin }: Pick<ServiceEnvironment, "pin">): string | null {
  return pin && `${pin.reason ?? "the reason was redacted"}, ${pin.by}${pin.expiresAt ? `, until ${formatDateTime(pin.expiresAt)} UTC` : ""}`;
}

/** One row per environment and partition; the page adds its buttons. */
export function toEnvironmentRow(service: string, row: ServiceEnvironment, partitions: number): Omit<EnvironmentRow, "actions" | "assignment" | "strategy" | "freeze"> & { assignment: string } {
  const { assignment } = row;
  const elsewhere = row.authority === "external" ? "; others decide, Plumbline follows" : "";
  return {
    key: `${row.environment.name}/${row.partition}`,
    environment: row.environment.name,
    partition: partitions > 1 ? row.partition : null,
    selector: Object.keys(row.selector).length > 0 ? formatSelector(row.selector) : null,
    pin: describePin(row),
    href: `/services/${encodeURIComponent(service)}?environment=${encodeURIComponent(row.environment.name)}`,
    protected: row.environment.protected,
    tone: toneOfEnvironment(row),
    assigned: row.assigned ? { version: row.assigned.version, digest: row.assigned.digest } : null,
    running: row.running.map((running) => {
      const tone = toneOfSeverity(running.severity);
      return {
        version: running.version,
        digest: running.digest,
        instances: running.instances,
        unhealthy: running.unhealthy,
        tone,
        ...(deviates(tone) ? { note: conditionWord(running.worst) } : {}),
      };
    }),
    instances: row.instances,
    silent: row.silent,
    oldestReportAt: row.oldestReportAt,
    assignment: assignment
      ? `${row.assigned?.adopted ? `${NO_EVIDENCE}, ` : ""}v ${assignment.revision}, entry ${formatCount(assignment.entry)}, ${formatDateTime(assignment.at)} UTC, ${assignment.by}${elsewhere}`
      : `not assigned by Plumbline${elsewhere}`,
    hold: row.hold ? (row.hold.version ?? "promotions") : null,
  };
}

const DAY_MS = 86_400_000;
/** How far back the lane reaches, and how near its beginning may be when there is less. */
const LANE_MS = 14 * DAY_MS;
const SHORTEST_MS = 3_600_000;

export interface ServiceLane {
  from: number;
  to: number;
  span: string;
  segments: LaneSegment[];
  flags: LaneFlag[];
}

/** Which release was assigned when in one environment, up to 14 days back; null when nothing was. `nowMs` is epoch ms. */
export function toHistoryLane(service: ServiceDto, environment: string, partition: string, nowMs: number): ServiceLane | null {
  const entries = service.history.filter((entry) => entry.environment === environment && entry.partition === partition).toSorted((a, b) => toMs(a.at) - toMs(b.at));
  const [first] = entries;
  if (!first) return null;
  const from = Math.max(nowMs - LANE_MS, Math.min(toMs(first.at), nowMs - SHORTEST_MS));
  const digests = new Map(service.environments.flatMap((row) => [row.assigned, ...row.running].flatMap((release) => (release?.version && release.digest ? [[release.version, release.digest] as const] : []))));
  const segments = entries.flatMap((entry, index): LaneSegment[] => {
    const next = entries[index + 1];
    const to = next ? toMs(next.at) : nowMs;
    if (to < from) return [];
    return [
      {
        from: Math.max(from, toMs(entry.at)),
        to,
        label: entry.version,
        digest: entry.version ? (digests.get(entry.version) ?? null) : null,
        tone: entry.status === "running" || entry.status === "paused" || entry.status === "planned" ? "rolling" : entry.status === "failed" || entry.status === "aborted" ? "drift" : "match",
        note: `${entry.kind}, R-${entry.number}, ${entry.status}`,
      },
    ];
  });
  const flags = entries.filter((entry) => toMs(entry.at) >= from).map((entry) => ({ at: toMs(entry.at), label: `${entry.version ?? "nothing"}${entry.kind === "promote" ? "" : `, ${entry.kind}`}` }));
  const days = Math.round((nowMs - from) / DAY_MS);
  const hours = Math.max(1, Math.round((nowMs - from) / 3_600_000));
  return { from, to: nowMs, span: days > 1 ? `${days} days` : `${hours} ${plural(hours, "hour")}`, segments, flags };
}

/** One row of the instances table. Silence outweighs what was last known. */
export function toInstanceRow(instance: InstanceDto): InstanceRow {
  const silent = instance.freshness === "silent";
  const categories = instance.categories.filter((category) => category !== "in-sync");
  const tone = silent ? "unknown" : toneOfSeverity(instance.severity);
  const [worst] = categories;
  const state = silent ? "silent: last known" : worst ? categories.map(conditionWord).join(", ") : "as assigned";
  return {
    id: instance.id,
    targetId: instance.target.id,
    href: `/instances/${instance.id}`,
    key: instance.key,
    running: { version: instance.running.version, digest: instance.running.digest },
    assigned: instance.assigned ? { version: instance.assigned.version, digest: instance.assigned.digest } : null,
    tone: tone === "match" && worst ? conditionTone(worst) : tone,
    state: instance.state === "running" ? state : `${state}, ${instance.state}`,
    health: instance.health === "unknown" ? "no check" : instance.health,
    healthy: instance.health !== "unhealthy",
    region: instance.region,
    agent: instance.agent.name,
    startedAt: instance.startedAt,
    reportAt: instance.lastReportAt,
  };
}

/** Targets that were chosen, as one place: an act reaches one. `refusal` says why it reaches none. */
export type Chosen = { place: { environment: string; partition: string } | null; targets: string[]; instances: number; refusal: string | null };

/** What of the rows shown is chosen, by target. */
export function chooseTargets(instances: readonly InstanceDto[], selected: ReadonlySet<string>): Chosen {
  const chosen = instances.filter((instance) => selected.has(instance.target.id));
  const targets = [...new Set(chosen.map((instance) => instance.target.id))];
  const places = new Map(chosen.map(({ environment, partition }) => [`${environment}/${partition}`, { environment, partition }]));
  const [place = null] = places.values();
  const refusal = places.size > 1 ? `They are in ${[...places.keys()].map((key) => key.replace("/default", "")).join(" and ")}: choose in one of them.` : place === null ? "Nothing that is shown is selected." : null;
  return { place: refusal === null ? place : null, targets, instances: chosen.length, refusal };
}
