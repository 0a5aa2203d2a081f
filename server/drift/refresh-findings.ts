import { judgeDeclared, judgeTargetPresence, type TargetCounts } from "@/lib/domain/drift/judge-target";
import { FINDING_CATEGORIES, type FindingCategory } from "@/lib/domain/drift/categories";
import { diffFindings, MAX_SAMPLE_KEYS, type OpenFinding } from "@/lib/domain/drift/reconcile-findings";
import { APPEARANCE_GRACE_MS, BROUGHT_CATEGORIES, REFUSED_CATEGORIES } from "@/lib/domain/rollout/follow-external";
import { externalSql } from "@/server/authority/authority-sql";
import { recordChanges } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { foldFlapping, type TargetFinding } from "./fold-flapping";
import { declaresSql, loadDeclared } from "./load-declared";

type TargetRow = {
  id: bigint; kind: TargetCounts["kind"]; desired: number | null; ready: number; gone: boolean; under_since: Date | null;
  freshness: TargetCounts["freshness"]; desired_kind: "none" | "nothing" | "release"; release_id: string | null; active_rollout: boolean;
  /** Of a target that need not run now and says what it would start (`declaresSql`): copies that have not ended, and that, by container. */
  running: number; declared: { component: string; digest: string }[];
  service_name: string | null; service_id: string | null; environment_id: string; partition: string;
};
type ObservedRow = { target_id: bigint; kind: FindingCategory; image_id: bigint; count: number; samples: string[]; since: Date };
type LeftRow = Pick<TargetRow, "service_name" | "service_id" | "environment_id"> & { target_id: bigint };
type OpenRow = { id: string; target_id: bigint; kind: FindingCategory; image_id: bigint | null; count: number; sample_keys: string[]; since: Date };

/**
 * Makes the open findings of these targets exactly what their instances show now (`diffFindings`), `missing` included.
 * What a decision opened for a whole combination is not opened again for its targets; what comes and goes is one finding
 * that stands for it (`decideFlap`).
 */
export async function refreshTargetFindings(tx: Tx, targetIds: readonly bigint[], { now }: { now: Date }): Promise<void> {
  if (targetIds.length === 0) return;
  const ids = [...new Set(targetIds)];
  const targets = await tx.$queryRaw<TargetRow[]>`
    SELECT t.id, t.kind, t.desired, t.gone_at IS NOT NULL AS gone, t.under_since, s.freshness,
      coalesce(t.ready, (SELECT count(*)::int FROM instances i WHERE i.target_id = t.id AND i.state = 'running')) AS ready,
      CASE WHEN d.target_id IS NULL THEN 'none' WHEN d.release_id IS NULL THEN 'nothing' ELSE 'release' END AS desired_kind, d.release_id::text,
      CASE WHEN ${declaresSql("t")} THEN (SELECT count(*)::int FROM instances i WHERE i.target_id = t.id AND i.state <> 'exited') ELSE 0 END AS running,
      CASE WHEN ${declaresSql("t")} THEN (SELECT jsonb_agg(jsonb_build_object('component', e ->> 'name', 'digest', e ->> 'declared')) FROM jsonb_array_elements(t.components) e WHERE e ->> 'declared' IS NOT NULL) ELSE '[]' END AS declared,
      EXISTS (SELECT FROM rollouts r WHERE r.service_id = t.service_id AND r.environment_id = t.environment_id AND r.partition = t.partition
        AND r.status IN ('planned', 'running', 'paused')) AS active_rollout,
      t.service_name::text, t.service_id::text, t.environment_id::text, t.partition::text
    FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id LEFT JOIN target_desired d ON d.target_id = t.id
    WHERE t.id = ANY(${ids}::bigint[])`;
  const observed = await tx.$queryRaw<ObservedRow[]>`
    SELECT i.target_id, k.kind, c.image_id, count(*)::int AS count, (array_agg(i.key ORDER BY i.key))[1:${MAX_SAMPLE_KEYS}::int] AS samples, min(i.facts_since) AS since
    FROM instances i JOIN combinations c ON c.id = i.combination_id CROSS JOIN LATERAL unnest(c.categories) k(kind)
    WHERE i.target_id = ANY(${ids}::bigint[]) AND k.kind = ANY(${[...FINDING_CATEGORIES]}::text[])
      AND NOT EXISTS (SELECT FROM findings f WHERE f.combination_id = c.id AND f.kind = k.kind AND f.resolved_at IS NULL)
      -- What others bring where they decide becomes a rollout first, or a finding a little later (follow-deployers.ts).
      AND NOT (k.kind = ANY(${[...BROUGHT_CATEGORIES]}::text[]) AND NOT c.categories && ${[...REFUSED_CATEGORIES]}::text[] AND i.first_seen_at > ${new Date(now.getTime() - APPEARANCE_GRACE_MS)}::timestamptz AND ${externalSql("c.service_id", "c.environment_id", "c.partition")})
    GROUP BY i.target_id, k.kind, c.image_id`;
  const left = await followTargets(tx, ids);
  const open = await tx.$queryRaw<OpenRow[]>`
    SELECT id::text, target_id, kind, image_id, count, sample_keys, since FROM findings
    WHERE target_id = ANY(${ids}::bigint[]) AND resolved_at IS NULL AND kind = ANY(${[...FINDING_CATEGORIES]}::text[])`;
  const matches = await loadDeclared(tx, targets.flatMap((row) => row.declared.map(({ digest }) => ({ digest, releaseId: row.release_id }))));
  const seen = [
    ...targets.flatMap((row) => observeMissing(row, now)),
    ...targets.flatMap((row) => observeDeclared(row, row.declared.map(({ component, digest }) => matches(digest, row.release_id, component)), now)),
    ...observed.map((row): TargetFinding => ({ target: row.target_id.toString(), category: row.kind, image: row.image_id.toString(), count: row.count, sampleKeys: row.samples, since: row.since.getTime() })),
  ];
  const kept = open.map((row): TargetFinding & OpenFinding => ({ id: row.id, target: row.target_id.toString(), category: row.kind, image: row.image_id?.toString() ?? null, count: row.count, sampleKeys: row.sample_keys, since: row.since.getTime() }));
  const { isFolded, moved } = await foldFlapping(tx, ids, { seen, open: kept, now });
  const changes = diffFindings(kept, seen.filter((finding) => !isFolded(finding)), now.getTime());
  if (changes.open.length + changes.update.length + changes.resolve.length + moved.size + left.length === 0) return;
  if (changes.open.length > 0) {
    await tx.$executeRaw`
      INSERT INTO findings (kind, service_name, service_id, environment_id, partition, target_id, image_id, count, sample_keys, since, opened_at)
      SELECT n.kind, t.service_name, t.service_id, t.environment_id, t.partition, n.target_id, n.image_id, n.count,
        ARRAY(SELECT jsonb_array_elements_text(n.samples::jsonb)), n.since, ${now}
      FROM unnest(${changes.open.map((finding) => finding.category)}::text[], ${changes.open.map((finding) => finding.target)}::bigint[],
        ${changes.open.map((finding) => finding.image)}::bigint[], ${changes.open.map((finding) => finding.count)}::int[],
        ${changes.open.map((finding) => JSON.stringify(finding.sampleKeys))}::text[], ${changes.open.map((finding) => new Date(finding.since))}::timestamptz[])
        n(kind, target_id, image_id, count, samples, since)
      JOIN targets t ON t.id = n.target_id
      ORDER BY n.target_id, n.kind, n.image_id
      ON CONFLICT DO NOTHING`;
  }
  if (changes.update.length > 0) {
    await tx.$executeRaw`
      UPDATE findings f SET count = n.count, sample_keys = ARRAY(SELECT jsonb_array_elements_text(n.samples::jsonb)), since = n.since
      FROM unnest(${changes.update.map((finding) => finding.id)}::uuid[], ${changes.update.map((finding) => finding.count)}::int[],
        ${changes.update.map((finding) => JSON.stringify(finding.sampleKeys))}::text[], ${changes.update.map((finding) => new Date(finding.since))}::timestamptz[]) n(id, count, samples, since)
      WHERE f.id = n.id`;
  }
  if (changes.resolve.length > 0) {
    await tx.$executeRaw`
      UPDATE findings SET resolved_at = ${now}, resolved_reason = 'no longer observed' WHERE id = ANY(${changes.resolve.map(({ id }) => id)}::uuid[]) AND resolved_at IS NULL`;
  }
  const touched = new Set([...moved, ...left.map((row) => row.target_id.toString()), ...[...changes.open, ...changes.update].map((finding) => finding.target)]);
  const resolved = new Set(changes.resolve.map(({ id }) => id));
  for (const row of open) if (resolved.has(row.id)) touched.add(row.target_id.toString());
  const places = new Map([...left, ...targets.filter((row) => touched.has(row.id.toString()))].map((row) => [`${row.service_name} ${row.environment_id}`, row]));
  await recordChanges(tx, [...places.values()].map((row) => ({ topic: "findings", serviceId: row.service_id, serviceName: row.service_name, environmentId: row.environment_id })));
}

/** What is open at a target is where the target is now. @returns the places that such findings left */
async function followTargets(tx: Tx, ids: readonly bigint[]): Promise<LeftRow[]> {
  return tx.$queryRaw<LeftRow[]>`
    UPDATE findings f SET service_name = t.service_name, service_id = t.service_id, environment_id = t.environment_id, partition = t.partition
    FROM findings was JOIN targets t ON t.id = was.target_id
    WHERE f.id = was.id AND was.target_id = ANY(${ids}::bigint[]) AND was.resolved_at IS NULL
      AND (was.service_name, was.service_id, was.environment_id, was.partition) IS DISTINCT FROM (t.service_name::text, t.service_id, t.environment_id, t.partition::text)
    RETURNING was.target_id, was.service_name, was.service_id::text, was.environment_id::text`;
}

function observeMissing(row: TargetRow, now: Date): TargetFinding[] {
  // A target that its runtime removed says nothing more about how many it wants.
  if (row.gone) return [];
  const counts: TargetCounts = { kind: row.kind, desiredCount: row.desired, readyCount: row.ready, listed: true, shortSince: row.under_since?.getTime() ?? null, freshness: row.freshness };
  const desired = row.desired_kind === "release" ? RELEASE : { kind: row.desired_kind };
  if (!judgeTargetPresence(counts, desired, row.active_rollout, now.getTime()).includes("missing")) return [];
  return [{ target: row.id.toString(), category: "missing", image: null, count: Math.max(1, (row.desired ?? 0) - row.ready), sampleKeys: [], since: row.under_since?.getTime() ?? now.getTime() }];
}

/** What would run is held against what is assigned, where nothing runs that could be. */
function observeDeclared(row: TargetRow, declared: readonly (boolean | null)[], now: Date): TargetFinding[] {
  if (row.gone || !judgeDeclared({ kind: row.kind, desiredCount: row.desired, freshness: row.freshness, running: row.running, declared }, row.active_rollout).includes("will-revert")) return [];
  return [{ target: row.id.toString(), category: "will-revert", image: null, count: 1, sampleKeys: [], since: now.getTime() }];
}

/** How many copies run says nothing of which release: presence is judged by there being one. */
const RELEASE = { kind: "release", release: { id: "", registeredSeq: 0, components: [], settingsDigest: null, baselineSettings: null, recalled: false } } as const;
