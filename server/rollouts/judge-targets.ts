import { z } from "zod";
import { resolveImage } from "@/lib/domain/drift/resolve-image";
import type { DigestKind } from "@/lib/domain/fleet/digests";
import type { Freshness } from "@/lib/domain/fleet/freshness";
import type { Health, InstanceState } from "@/lib/domain/fleet/health";
import { DEFAULT_PROGRESS_POLICY, judgeTarget, type ObservedInstance, type TargetGoal, type TargetObservation } from "@/lib/domain/rollout/judge-target";
import { PROGRESS_PHASES, TARGET_REASONS, type RolloutKind, type TargetKind, type TargetReason, type TargetStatus } from "@/lib/domain/rollout/statuses";
import { recordChanges } from "@/server/changes/record-change";
import { Prisma, sqlArray, type Tx } from "@/server/db";

/**
 * What is kept beside a target of a rollout; `progress` is the executor's last word, `at` by the database's clock and
 * `saidAt` by the agent's own (epoch ms).
 */
export const targetDetail = z
  .object({
    progress: z.object({ phase: z.enum(PROGRESS_PHASES), generation: z.number(), reason: z.enum(TARGET_REASONS).nullable(), at: z.number(), saidAt: z.number().optional() }).loose(),
    startedGeneration: z.number(),
    regressions: z.number(),
    willRevert: z.boolean(),
    unhealthy: z.boolean(),
    previousInstances: z.array(z.string()),
  })
  .partial()
  .loose();
export type TargetDetail = z.infer<typeof targetDetail>;

type Row = {
  rollout_id: string;
  target_id: bigint;
  /** The transaction that wrote the row as it was read. */
  written_by: string;
  status: TargetStatus;
  reason: TargetReason | null;
  updated_at: Date;
  generation: bigint | null;
  verified_at: Date | null;
  detail: unknown;
  rollout_kind: RolloutKind;
  to_release_id: string | null;
  executor_id: string | null;
  offered_at: Date | null;
  wave: number;
  followed: boolean;
  min_uptime_ms: number | null;
  stuck_after_ms: number | null;
  service_id: string;
  environment_id: string;
  kind: TargetKind;
  desired: number | null;
  can_act: boolean;
  gone: boolean;
  reverts: boolean;
  components: unknown;
  freshness: Freshness;
  last_report_at: Date;
  observed_at: Date;
};
/** One copy: the component of the service that it counts for, and the name that its container has. */
type Copy = { target_id: bigint; key: string; component: string; container: string; image_id: bigint; state: InstanceState; health: Health; restarts: number; started_at: Date | null; first_seen_at: Date };

const declaredComponents = z.array(z.object({ name: z.string(), declared: z.string().nullable().default(null) })).catch([]);

/**
 * Judges targets of active rollouts, and of those that are still watched, by what was observed, and moves those whose
 * status changed. Of a whole rollout only those are looked at whom time alone can move (a verified one that crashed is
 * healthy again after a while): the others (`settled`) move with a report, are locked for it, and are looked at by no later
 * turn. `since` leaves out those of whom nothing was
 * written by a transaction from that one (64-bit xid) on: their time alone may have come. What was changed by somebody else
 * after it was read is left to a later turn. @returns the ids of the rollouts in which something moved
 */
export async function judgeTargets(tx: Tx, where: { rolloutId?: string; targetIds?: readonly bigint[]; settled?: boolean; since?: string | null }, now: Date): Promise<string[]> {
  const since = where.since ?? null;
  const rows = await tx.$queryRaw<Row[]>`
    SELECT rt.rollout_id, rt.target_id, rt.xmin::text AS written_by, rt.status, rt.reason, rt.updated_at, rt.offered_at, rt.wave, rt.generation, rt.verified_at, rt.detail, r.kind AS rollout_kind, r.to_release_id, r.executor_id, r.origin = 'external' AS followed,
      (r.strategy->>'minUptimeMs')::float8 AS min_uptime_ms, (r.strategy->>'stuckAfterMs')::float8 AS stuck_after_ms, r.service_id, r.environment_id,
      t.kind, t.desired, t.can_act, t.gone_at IS NOT NULL AS gone, coalesce((t.managed_by->>'autoSync')::boolean, false) AS reverts, t.components, s.freshness, s.last_report_at, s.observed_at
    FROM rollout_targets rt JOIN rollouts r ON r.id = rt.rollout_id
      AND (r.status IN ('running', 'paused') OR (r.watched_until > ${now}::timestamptz AND rt.status <> 'pending'
        -- Of one that did not succeed only who may still get there is looked at.
        AND (r.status LIKE 'succeeded%' OR rt.verified_at IS NULL)))
    JOIN targets t ON t.id = rt.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id
    WHERE rt.status <> 'withdrawn' AND (r.finished_at IS NULL OR EXISTS (SELECT FROM target_desired d WHERE d.target_id = rt.target_id AND d.rollout_id = r.id))
      AND (${where.rolloutId === undefined} OR rt.status NOT IN ('pending', 'verified', 'gone') OR rt.detail @> '{"unhealthy": true}' OR (rt.status = 'gone') = (t.gone_at IS NULL)) AND (${where.rolloutId ?? null}::uuid IS NULL OR rt.rollout_id = ${where.rolloutId ?? null}::uuid)
      AND (${where.settled !== true} OR rt.status IN ('pending', 'verified', 'gone'))
      AND (${where.targetIds === undefined} OR rt.target_id = ANY(${sqlArray(where.targetIds ?? [])}::bigint[]))
      -- Of a row that was only offered nothing can be judged before somebody says something.
      AND (${since === null} OR least(age(s.xmin), age(t.xmin), CASE WHEN rt.detail ? 'progress' THEN age(rt.xmin) END) <= age(${since ?? "0"}::text::xid8::xid))
    ${where.settled ? Prisma.sql`ORDER BY rt.target_id FOR NO KEY UPDATE OF rt SKIP LOCKED` : Prisma.empty}`;
  if (rows.length === 0) return [];
  const observe = await readObservations(tx, rows);
  const components = await readComponents(tx, rows);
  const refused = await readRefusedOrders(tx, rows);
  const judgements: { row: Row; status: TargetStatus; reason: TargetReason | null; detail: TargetDetail }[] = [];
  for (const row of rows) {
    const detail = targetDetail.parse(row.detail ?? {});
    const goal: TargetGoal = {
      status: row.status,
      statusSince: row.updated_at.getTime(),
      reason: row.reason,
      kind: row.rollout_kind,
      executor: row.executor_id === null && !row.followed ? "agent" : "external",
      untold: refused.has(orderOf(row)),
      generation: row.generation === null ? null : Number(row.generation),
      components: row.to_release_id === null ? [] : (components.get(row.to_release_id) ?? []),
      previousInstances: detail.previousInstances ?? [],
      wasVerified: row.verified_at !== null,
      regressions: detail.regressions ?? 0,
    };
    const policy = { ...DEFAULT_PROGRESS_POLICY, ...(row.min_uptime_ms !== null && { minUptimeMs: row.min_uptime_ms }), ...(row.stuck_after_ms !== null && { replaceWithinMs: row.stuck_after_ms }), ...(row.executor_id !== null && { maxReapplies: 0 }), ...(row.followed && PATIENT) };
    const judged = judgeTarget(goal, observe(row, detail), now.getTime(), policy);
    const told = judged.willRevert === (detail.willRevert ?? false) && judged.unhealthy === (detail.unhealthy ?? false);
    if (judged.status === row.status && judged.reason === row.reason && told) continue;
    const regressions = (detail.regressions ?? 0) + (judged.status === "regressed" && row.status !== "regressed" ? 1 : 0);
    judgements.push({ row, status: judged.status, reason: judged.reason, detail: { ...detail, regressions, willRevert: judged.willRevert, unhealthy: judged.unhealthy } });
  }
  if (judgements.length === 0) return [];
  // The time of a status is when it was entered: another reason for the same one does not start it anew.
  // Judged without a lock, since few move in a turn: a row that is no longer the one that was read is not written.
  const written = await tx.$queryRaw<{ rollout_id: string; target_id: bigint }[]>`
    WITH m AS MATERIALIZED (
      SELECT * FROM unnest(${sqlArray(judgements.map(({ row }) => row.rollout_id))}::uuid[], ${sqlArray(judgements.map(({ row }) => row.target_id))}::bigint[], ${sqlArray(judgements.map(({ row }) => row.written_by))}::text[],
        ${sqlArray(judgements.map(({ status }) => status))}::text[], ${sqlArray(judgements.map(({ reason }) => reason))}::text[], ${sqlArray(judgements.map(({ detail }) => JSON.stringify(detail)))}::text[]) m(rollout_id, target_id, written_by, status, reason, detail)),
    locked AS MATERIALIZED (
      SELECT rt.rollout_id, rt.target_id FROM rollout_targets rt JOIN m ON m.rollout_id = rt.rollout_id AND m.target_id = rt.target_id AND rt.xmin::text = m.written_by ORDER BY rt.target_id FOR NO KEY UPDATE OF rt SKIP LOCKED)
    UPDATE rollout_targets rt SET status = m.status, reason = m.reason, detail = m.detail::jsonb,
      updated_at = CASE WHEN rt.status = m.status THEN rt.updated_at ELSE ${now}::timestamptz END,
      verified_at = CASE WHEN m.status = 'verified' THEN coalesce(rt.verified_at, ${now}::timestamptz) WHEN m.status IN ('regressed', 'contested') THEN NULL ELSE rt.verified_at END
    FROM m JOIN locked USING (rollout_id, target_id) WHERE rt.rollout_id = m.rollout_id AND rt.target_id = m.target_id
    RETURNING rt.rollout_id, rt.target_id`;
  const kept = new Set(written.map((row) => `${row.rollout_id} ${row.target_id}`));
  const moved = judgements.filter(({ row }) => kept.has(`${row.rollout_id} ${row.target_id}`));
  if (moved.length === 0) return [];
  const told = moved.filter(({ row, status }) => row.status !== status && TOLD.has(status));
  await tx.$executeRaw`
    INSERT INTO rollout_events (rollout_id, at, kind, target_id, detail)
    SELECT e.rollout_id, ${now}::timestamptz, e.kind, e.target_id, jsonb_build_object('reason', e.reason, 'message', e.message)
    FROM unnest(${sqlArray(told.map(({ row }) => row.rollout_id))}::uuid[], ${sqlArray(told.map(({ status }) => status))}::text[], ${sqlArray(told.map(({ row }) => row.target_id))}::bigint[],
      ${sqlArray(told.map(({ reason }) => reason))}::text[], ${sqlArray(told.map(({ detail, status }) => (status === "failed" && typeof detail.progress?.message === "string" ? detail.progress.message : null)))}::text[]) e(rollout_id, kind, target_id, reason, message)`;
  await tellContested(tx, moved, now);
  const rollouts = new Map(moved.map(({ row }) => [row.rollout_id, row]));
  await recordChanges(tx, [...rollouts.values()].map((row) => ({ topic: "rollout", serviceId: row.service_id, environmentId: row.environment_id, key: row.rollout_id })));
  return [...rollouts.keys()];
}

/** A target that fights back is one finding that names who manages it, until it is as it should be, or another rollout decides. */
async function tellContested(tx: Tx, moved: readonly { row: Row; status: TargetStatus }[], now: Date): Promise<void> {
  const contested = moved.filter(({ row, status }) => status === "contested" && row.status !== "contested").map(({ row }) => row);
  const settled = moved.filter(({ row, status }) => status !== "contested" && row.status === "contested").map(({ row }) => row.target_id);
  if (contested.length > 0) {
    await tx.$executeRaw`
      WITH opened AS (
        INSERT INTO findings (kind, service_name, service_id, environment_id, partition, target_id, cause, count, sample_keys, since, opened_at)
        SELECT 'contested', sv.name, t.service_id, t.environment_id, t.partition, t.id, jsonb_build_object('rollout', r.number, 'manager', t.managed_by->>'tool', 'name', t.managed_by->>'name'), 1, ARRAY[t.key], ${now}::timestamptz, ${now}::timestamptz
        FROM unnest(${contested.map((row) => row.target_id)}::bigint[], ${contested.map((row) => row.rollout_id)}::uuid[]) c(target_id, rollout_id)
        JOIN targets t ON t.id = c.target_id JOIN rollouts r ON r.id = c.rollout_id LEFT JOIN services sv ON sv.id = t.service_id
        ON CONFLICT DO NOTHING RETURNING id, service_id, environment_id)
      INSERT INTO changes (topic, service_id, environment_id, key) SELECT 'findings', service_id, environment_id, id::text FROM opened`;
  }
  if (settled.length > 0) {
    await tx.$executeRaw`
      WITH resolved AS (
        UPDATE findings SET resolved_at = ${now}::timestamptz, resolved_reason = 'it runs what it should again' WHERE kind = 'contested' AND target_id = ANY(${settled}::bigint[]) AND resolved_at IS NULL RETURNING id, service_id, environment_id)
      INSERT INTO changes (topic, service_id, environment_id, key) SELECT 'findings', service_id, environment_id, id::text FROM resolved`;
  }
}

/** Where others carry it out each target waits for its turn with them, and who leaves the release is theirs to explain: the rollout as a whole stalls or fails. */
const PATIENT = { replaceWithinMs: Infinity, maxReapplies: Infinity };

/** What is worth a line in the rollout's history. */
const TOLD: ReadonlySet<TargetStatus> = new Set<TargetStatus>(["verified", "failed", "stuck", "regressed", "contested", "gone"]);

const orderOf = ({ rollout_id, wave, offered_at }: Pick<Row, "rollout_id" | "wave" | "offered_at">): string => `${rollout_id} ${wave} ${offered_at?.getTime() ?? 0}`;

/** Orders that an executor did not take: each told the targets that were offered at its moment, and was not sent again since. */
async function readRefusedOrders(tx: Tx, rows: readonly Row[]): Promise<ReadonlySet<string>> {
  const rollouts = [...new Set(rows.flatMap((row) => (row.executor_id === null ? [] : [row.rollout_id])))];
  if (rollouts.length === 0) return new Set();
  const orders = await tx.$queryRaw<{ rollout_id: string; wave: number; offered_at: Date; status: string }[]>`
    SELECT DISTINCT ON (rollout_id, wave, body->>'openedAt') rollout_id, wave, (body->>'openedAt')::timestamptz AS offered_at, status FROM deliveries
    WHERE rollout_id = ANY(${rollouts}::uuid[]) AND executor_id IS NOT NULL AND event = 'wave-opened' ORDER BY rollout_id, wave, body->>'openedAt', created_at DESC, id`;
  return new Set(orders.filter(({ status }) => status === "failed").map(orderOf));
}

async function readComponents(tx: Tx, rows: readonly Row[]): Promise<Map<string, { name: string; artifactId: string }[]>> {
  const releases = [...new Set(rows.flatMap((row) => row.to_release_id ?? []))];
  const found = await tx.$queryRaw<{ release_id: string; name: string; artifact_id: string }[]>`
    SELECT release_id, name::text, artifact_id FROM release_components WHERE release_id = ANY(${releases}::uuid[])`;
  const components = new Map<string, { name: string; artifactId: string }[]>(releases.map((release) => [release, []]));
  for (const row of found) components.get(row.release_id)?.push({ name: row.name, artifactId: row.artifact_id });
  return components;
}

async function readObservations(tx: Tx, rows: readonly Row[]): Promise<(row: Row, detail: TargetDetail) => TargetObservation> {
  const copies = await tx.$queryRaw<Copy[]>`
    SELECT i.target_id, i.key, c.component::text AS component, i.component::text AS container, i.image_id, i.state, i.health, i.restarts, i.started_at, i.first_seen_at
    FROM instances i JOIN targets t ON t.id = i.target_id JOIN combinations c ON c.id = i.combination_id
    WHERE i.target_id = ANY(${sqlArray(rows.map((row) => row.target_id))}::bigint[]) AND c.service_id = t.service_id`;
  const digests = await tx.$queryRaw<{ image_id: bigint; digest: string; kind: DigestKind }[]>`
    SELECT image_id, digest::text, kind FROM image_digests WHERE image_id = ANY(${[...new Set(copies.map((copy) => copy.image_id))]}::bigint[])`;
  const declared = new Map(rows.map((row) => [row.target_id, declaredComponents.parse(row.components)]));
  const wanted = new Set([...digests.map(({ digest }) => digest), ...[...declared.values()].flat().flatMap((component) => component.declared ?? [])]);
  const artifacts = new Map<string, string[]>();
  for (const row of await tx.$queryRaw<{ digest: string; artifact_id: string }[]>`SELECT DISTINCT digest::text, artifact_id FROM artifact_digests WHERE digest = ANY(${[...wanted]}::text[])`) {
    artifacts.set(row.digest, [...(artifacts.get(row.digest) ?? []), row.artifact_id]);
  }
  const lookUp = (digest: string): string[] => artifacts.get(digest) ?? [];
  const byImage = new Map<bigint, { digest: string; kind: DigestKind }[]>();
  for (const { image_id, digest, kind } of digests) byImage.set(image_id, [...(byImage.get(image_id) ?? []), { digest, kind }]);
  const candidates = new Map([...byImage].map(([image, named]) => [image, resolveImage(named, lookUp).candidates]));
  const byTarget = new Map<bigint, Copy[]>();
  for (const copy of copies) {
    const list = byTarget.get(copy.target_id);
    if (list) list.push(copy);
    else byTarget.set(copy.target_id, [copy]);
  }

  const componentOf = new Map(copies.map((copy) => [`${copy.target_id} ${copy.container}`, copy.component]));

  return (row, detail) => ({
    present: !row.gone,
    kind: row.kind,
    freshness: row.freshness,
    canAct: row.can_act,
    generation: detail.startedGeneration ?? null,
    desiredCount: row.desired,
    instances: (byTarget.get(row.target_id) ?? []).map(
      (copy): ObservedInstance => ({
        key: copy.key,
        component: copy.component,
        candidates: candidates.get(copy.image_id) ?? [],
        state: copy.state,
        health: copy.health,
        restarts: copy.restarts,
        // What a report has seen, and not what may have come of it since; two readings of one clock, never one of each.
        uptimeMs: copy.started_at ? row.observed_at.getTime() - copy.started_at.getTime() : row.last_report_at.getTime() - copy.first_seen_at.getTime(),
      }),
    ),
    declared: (declared.get(row.target_id) ?? []).flatMap((component) => (component.declared === null ? [] : [{ component: componentOf.get(`${row.target_id} ${component.name}`) ?? component.name, candidates: lookUp(component.declared) }])),
    managerReverts: row.reverts,
    progress: detail.progress ? { ...detail.progress, saidAt: detail.progress.saidAt ?? detail.progress.at } : null,
    observedAt: row.observed_at.getTime(),
  });
}
