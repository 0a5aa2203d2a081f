import { z } from "zod";
import type { RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { keptGateSchema } from "@/lib/contract/strategies";
import type { CheckState } from "@/lib/domain/rollout/advance-rollout";
import { describeGate } from "@/lib/domain/rollout/describe-gate";
import type { TargetReason, TargetStatus, WaveStatus } from "@/lib/domain/rollout/statuses";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { countStatuses, loadRollout } from "./load-rollouts";
import { explainStuck } from "./explain-stuck";

type TargetRow = { id: bigint; key: string; agent: string; region: string | null; wave: number; status: TargetStatus; step: string | null; reason: TargetReason | null; message: string | null; verified_at: Date | null; offered_at: Date | null; prefetch: "done" | "failed" | null; manager: string | null };
type WaveRow = {
  ordinal: number;
  name: string;
  status: WaveStatus;
  status_since: Date;
  status_reason: string | null;
  gate: unknown;
  opened_at: Date | null;
  finished_at: Date | null;
  go_ahead_seq: bigint | null;
  go_ahead_by: string | null;
  check_status: Exclude<CheckState, "none"> | null;
  check_detail: string | null;
  check_attempts: number | null;
};

const MAX_TARGETS = 200;
const CELL: Record<TargetStatus, string> = { pending: "w", offered: "f", acknowledged: "f", replacing: "f", regressed: "f", verified: "v", failed: "x", contested: "x", stuck: "s", gone: "g", withdrawn: "g" };
const WORST_FIRST = "xsfwvg";

/** One rollout with its waves, what is stuck and why, and what happened. @throws AppError not-found */
export async function getRollout({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<RolloutDetail> {
  authorise(ctx, "rollouts.read");
  const rollout = await loadRollout(ctx.db, input.id);
  if (!visibleTo(ctx, "rollouts.read", { service: rollout.service, environment: rollout.environment })) throw notFound("rollout");
  const waves = await ctx.db.$queryRaw<WaveRow[]>`
    SELECT w.ordinal, w.name, w.status, w.status_since, w.status_reason, w.gate, w.opened_at, w.finished_at, w.go_ahead_seq, a.display_name AS go_ahead_by, c.status AS check_status, c.detail AS check_detail, c.attempts AS check_attempts
    FROM waves w LEFT JOIN actors a ON a.id = w.go_ahead_by LEFT JOIN wave_checks c ON c.rollout_id = w.rollout_id AND c.ordinal = w.ordinal
    WHERE w.rollout_id = ${input.id}::uuid ORDER BY w.ordinal`;
  const targets = await ctx.db.$queryRaw<TargetRow[]>`
    SELECT t.id, t.key, a.name AS agent, a.region, rt.wave, rt.status, rt.step, rt.reason, rt.detail->'progress'->>'message' AS message, rt.verified_at, rt.offered_at, rt.prefetch, t.managed_by->>'tool' AS manager
    FROM rollout_targets rt JOIN targets t ON t.id = rt.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
    WHERE rt.rollout_id = ${input.id}::uuid ORDER BY rt.wave, t.id`;
  const events = await ctx.db.$queryRaw<{ at: Date; kind: string; key: string | null; agent: string | null; detail: unknown }[]>`
    SELECT ev.at, ev.kind, t.key, a.name AS agent, ev.detail FROM rollout_events ev LEFT JOIN targets t ON t.id = ev.target_id
    LEFT JOIN agent_scopes s ON s.id = t.agent_scope_id LEFT JOIN agents a ON a.id = s.agent_id
    WHERE ev.rollout_id = ${input.id}::uuid ORDER BY ev.id DESC LIMIT 200`;
  const byWave = groupBy(targets, ({ wave }) => wave);
  const worst = (status: TargetStatus): number => WORST_FIRST.indexOf(CELL[status]);
  return {
    ...rollout,
    waves: waves.map((wave) => {
      const members = byWave.get(wave.ordinal) ?? [];
      const gate = keptGateSchema.parse(wave.gate);
      return {
        ordinal: wave.ordinal,
        name: wave.name,
        status: wave.status,
        statusSince: wave.status_since.toISOString(),
        statusReason: wave.status_reason,
        soakUntil: wave.status === "soaking" ? new Date(wave.status_since.getTime() + gate.soakMs).toISOString() : null,
        gate: describeGate(gate),
        goAhead: { needed: gate.goAhead && wave.go_ahead_by === null && wave.status === "waiting", by: wave.go_ahead_by, entry: wave.go_ahead_seq === null ? null : Number(wave.go_ahead_seq) },
        check: wave.check_status && { status: wave.check_status, detail: wave.check_detail, attempts: wave.check_attempts ?? 0 },
        prefetched: members.filter(({ prefetch }) => prefetch === "done").length,
        openedAt: wave.opened_at?.toISOString() ?? null,
        finishedAt: wave.finished_at?.toISOString() ?? null,
        counts: countStatuses(Object.fromEntries([...groupBy(members, ({ status }) => status)].map(([status, list]) => [status, list.length]))),
        cells: members.map(({ status }) => CELL[status]).sort((a, b) => WORST_FIRST.indexOf(a) - WORST_FIRST.indexOf(b)).join(""),
      };
    }),
    stuck: groupStuck(targets),
    targets: targets
      .toSorted((a, b) => worst(a.status) - worst(b.status))
      .slice(0, MAX_TARGETS)
      .map((target) => ({
        id: target.id.toString(),
        key: target.key,
        agent: target.agent,
        region: target.region,
        status: target.status,
        step: target.step,
        reason: target.reason,
        message: target.message ?? describeManager(target),
        verifiedAt: target.verified_at?.toISOString() ?? null,
      })),
    events: events.toReversed().map((event) => ({ at: event.at.toISOString(), kind: event.kind, sentence: describeEvent(event) })),
    summary: summarise(rollout, ctx.config.url),
  };
}

/** Who puts another version back, as far as the runtime tells. */
function describeManager({ manager, status }: TargetRow): string | null {
  return manager !== null && (status === "contested" || status === "regressed") ? `${manager} manages it and puts its own version back.` : null;
}

function groupStuck(targets: readonly TargetRow[]): RolloutDetail["stuck"] {
  const late = targets.filter(({ status }) => status === "stuck" || status === "failed" || status === "contested");
  return [...groupBy(late, ({ reason, status }) => (status === "contested" ? status : (reason ?? status)))].map(([reason, members]) => {
    const offered = members.flatMap(({ offered_at }) => offered_at ?? []).map((at) => at.getTime());
    return {
      reason,
      ...explainStuck(reason, members.length),
      count: members.length,
      where: [...new Set(members.map(({ agent, key, manager, status }) => `${key} on ${agent}${status === "contested" && manager ? `, kept by ${manager}` : ""}`))].slice(0, 5),
      oldestOfferedAt: offered.length > 0 ? new Date(Math.min(...offered)).toISOString() : null,
    };
  });
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

const eventDetail = z.object({ by: z.string().nullable(), reason: z.string().nullable(), message: z.string().nullable(), targets: z.number(), from: z.string(), wave: z.number(), how: z.enum(["observed", "announced"]) }).partial().catch({});

/** What a step of a rollout was, in a sentence. */
export function describeEvent({ kind, key, agent, detail }: { kind: string; key: string | null; agent: string | null; detail: unknown }): string {
  const { by, reason, targets, message, wave, how } = eventDetail.parse(detail);
  const where = key === null ? "a target" : `${key} on ${agent ?? "a host that left"}`;
  switch (kind) {
    case "started":
      if (how) return `${how === "announced" ? "Announced" : "Seen by what runs"}: ${by ?? "somebody else"} carries it out on ${targets ?? 0} target${targets === 1 ? "" : "s"}.`;
      return `Started for ${targets ?? 0} target${targets === 1 ? "" : "s"}.`;
    case "paused":
    case "resumed":
      return `${kind === "paused" ? "Paused" : "Resumed"}${by ? ` by ${by}` : ""}${reason ? `: ${reason}` : "."}`;
    case "aborted":
      return `Stopped${by ? ` by ${by}` : ""}.`;
    case "go-ahead":
      return `${by ?? "Somebody"} said go for wave ${wave ?? 1}.`;
    case "cleared":
      return `${by ?? "An approver"} said that it was a mistake.`;
    case "newcomers":
      return `${targets ?? 0} target${targets === 1 ? "" : "s"} that appeared since joined wave ${wave ?? 1}.`;
    case "stalled":
      return `Stalled. ${reason ?? ""}`.trim();
    case "moving":
      return "It moves again.";
    case "announced":
      return `${by ?? "Its deployer"}: ${message ?? reason ?? ""}`;
    case "superseded":
      return "Another rollout took its place.";
    case "wave":
      return `Wave ${wave ?? 1}: ${reason ?? "moved"}.${message ? ` ${message}` : ""}`;
    case "succeeded":
    case "succeeded-will-revert":
    case "failed":
      return reason ?? kind;
    default:
      return `${where}: ${kind}${reason ? ` (${reason.replaceAll("-", " ")})` : ""}${message ? `: ${message.slice(0, 200)}` : ""}`;
  }
}

/** `2026-11-20 02:14:31 UTC`: people paste it where no page says the zone. */
function formatUtc(iso: string): string {
  return `${iso.slice(0, 19).replace("T", " ")} UTC`;
}

/** Where whoever reads the paragraph goes: what changed here, and the way back. */
function pagerLink({ service, environment, partition, incident }: RolloutDto, url: string): string {
  const query = new URLSearchParams({ ...(partition !== "default" && { partition }), ...(incident && { incident }) });
  return `${url}/p/${encodeURIComponent(service)}/${encodeURIComponent(environment)}${query.size > 0 ? `?${query}` : ""}`;
}

/** One paragraph to paste into an incident channel. */
function summarise(rollout: RolloutDto, url: string): string {
  const what = { promote: "Promotion", rollback: "Rollback", reconverge: "Reconvergence", replace: "Replacement", stop: "Stop" }[rollout.kind];
  const versions = rollout.kind === "reconverge" ? (rollout.to?.version ?? "nothing") : `${rollout.from?.version ?? "nothing"} → ${rollout.to?.version ?? "nothing"}`;
  const { counts } = rollout;
  const open = [counts.inFlight && `${counts.inFlight} in flight`, counts.stuck && `${counts.stuck} stuck`, counts.failed && `${counts.failed} failed`].filter(Boolean).join(", ");
  return [
    `${what} R-${rollout.number} of ${rollout.service} in ${rollout.environment}: ${versions}, ${rollout.status}.`,
    `${counts.verified} of ${counts.total} targets verified${open ? `, ${open}` : ""}.`,
    `Started by ${rollout.startedBy} at ${formatUtc(rollout.createdAt)}${rollout.incident ? ` for ${rollout.incident}` : ""}; ledger entry ${rollout.entry}.`,
    rollout.holdEntry === null ? null : "Promotions are held here.",
    rollout.reason ? `Reason: ${rollout.reason}` : null,
    pagerLink(rollout, url),
  ]
    .filter(Boolean)
    .join(" ");
}
