import type { FindingDto } from "@/lib/contract/fleet";
import { severityOf, type FindingKind } from "@/lib/domain/drift/categories";
import { describeFinding } from "@/lib/domain/drift/describe-finding";
import type { Db } from "@/server/db";
import { waiverSql } from "@/server/policies/waiver-sql";
import { digestOfImage, readImages, readReleases, refOf } from "./read-references";

type Row = {
  id: string; kind: FindingKind; service_name: string | null; service_id: string | null; environment: string | null; partition: string | null;
  target_id: bigint | null; target_key: string | null; agent: string | null; region: string | null; image_id: bigint | null;
  running_release_id: string | null; desired_release_id: string | null; assigned_release_id: string | null; can_act: boolean | null;
  cause: { by?: string; skewMs?: number; reason?: string; detail?: string } | null; count: number; sample_keys: string[]; samples: string[]; mutated_paths: string[] | null;
  since: Date; opened_at: Date; resolved_at: Date | null; waiver_id: string | null; waived_by: string | null; waived_reason: string | null; waived_until: Date | null;
};

/** Findings as they travel, in the order of the ids; those that do not exist are left out. */
export async function loadFindings(db: Db, ids: readonly string[]): Promise<FindingDto[]> {
  if (ids.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT f.id::text, f.kind, f.service_name, f.service_id::text, e.name::text AS environment, f.partition, f.target_id, t.key AS target_key, coalesce(a.name, 'the pool ' || pl.name) AS agent, a.region, f.image_id,
      v.running_release_id::text, coalesce(v.desired_release_id, d.release_id)::text AS desired_release_id, asg.release_id::text AS assigned_release_id, t.can_act, f.cause,
      CASE WHEN f.combination_id IS NULL OR f.resolved_at IS NOT NULL THEN f.count
        ELSE coalesce((SELECT sum(k.instances)::int FROM combination_counts k WHERE k.combination_id = f.combination_id), 0) END AS count,
      f.sample_keys, x.samples, x.mutated_paths, f.since, f.opened_at, f.resolved_at, w2.id::text AS waiver_id, coalesce(wa.display_name, 'Plumbline') AS waived_by, wt.text AS waived_reason, w2.expires_at AS waived_until
    FROM unnest(${ids}::uuid[]) WITH ORDINALITY w(id, place) JOIN findings f ON f.id = w.id
    LEFT JOIN environments e ON e.id = f.environment_id LEFT JOIN targets t ON t.id = f.target_id LEFT JOIN target_desired d ON d.target_id = f.target_id
    LEFT JOIN agent_scopes s ON s.id = coalesce(t.agent_scope_id, f.agent_scope_id) LEFT JOIN agents a ON a.id = s.agent_id LEFT JOIN pools pl ON pl.id = f.pool_id
    LEFT JOIN assignments asg ON asg.service_id = f.service_id AND asg.environment_id = f.environment_id AND asg.partition = f.partition
    LEFT JOIN waivers w2 ON f.resolved_at IS NULL AND w2.id = ${waiverSql("f", "f.kind")} LEFT JOIN actors wa ON wa.id = w2.actor_id
    LEFT JOIN ledger_texts wt ON wt.entry_seq = w2.entry_seq AND wt.field = 'reason'
    LEFT JOIN LATERAL (
      SELECT c.running_release_id, c.desired_release_id FROM combinations c
      WHERE c.id = coalesce(f.combination_id, (SELECT i.combination_id FROM instances i WHERE i.target_id = f.target_id AND i.image_id = f.image_id LIMIT 1))) v ON true
    LEFT JOIN LATERAL (
      SELECT array_agg(i.public_id::text) AS samples,
        (SELECT array_agg(p) FROM (SELECT jsonb_array_elements_text((array_agg(i.mutated -> 'paths') FILTER (WHERE i.mutated IS NOT NULL))[1]) AS p LIMIT 3) q) AS mutated_paths
      FROM (SELECT y.public_id, y.mutated FROM instances y
        WHERE (f.target_id IS NOT NULL AND y.target_id = f.target_id AND (y.key = ANY(f.sample_keys) OR cardinality(f.sample_keys) = 0)) OR (f.combination_id IS NOT NULL AND y.combination_id = f.combination_id)
        LIMIT 5) i) x ON true
    ORDER BY w.place`;
  const releases = await readReleases(db, rows.flatMap((row) => [row.running_release_id, row.desired_release_id ?? row.assigned_release_id]));
  const images = await readImages(db, rows.map((row) => row.image_id));
  return rows.map((row): FindingDto => {
    const running = releases.get(row.running_release_id ?? "");
    const assigned = releases.get(row.desired_release_id ?? row.assigned_release_id ?? "");
    const image = row.image_id === null ? undefined : images.get(row.image_id);
    const detail = row.mutated_paths?.join(", ") ?? row.cause?.detail ?? row.cause?.reason ?? null;
    return {
      id: row.id,
      kind: row.kind,
      severity: severityOf(row.kind),
      service: row.service_name,
      environment: row.environment,
      partition: row.partition,
      target: row.target_id === null || row.target_key === null ? null : { id: row.target_id.toString(), key: row.target_key, agent: row.agent ?? "", region: row.region },
      agent: row.agent,
      assigned: refOf(assigned),
      running: image ? { version: running?.version ?? null, digest: digestOfImage(image), reference: image.reference } : null,
      count: row.count,
      sampleKeys: row.sample_keys,
      sampleInstances: row.samples ?? [],
      by: row.cause?.by ?? null,
      sentence: describeFinding({
        kind: row.kind, service: row.service_name, environment: row.environment, instances: row.count, runningVersion: running?.version ?? null, runningService: running?.service ?? null,
        runningDigest: digestOfImage(image), assignedVersion: assigned?.version ?? null, approvedFor: running?.approvedFor ?? [], agent: row.agent, detail,
      }),
      detail,
      since: row.since.toISOString(),
      openedAt: row.opened_at.toISOString(),
      resolvedAt: row.resolved_at?.toISOString() ?? null,
      waiver: row.waiver_id === null || row.waived_until === null ? null : { id: row.waiver_id, by: row.waived_by ?? "Plumbline", reason: row.waived_reason, until: row.waived_until.toISOString() },
      // Something to go back to, and somebody who may do it; a recalled assignment is refused by the server with its reason.
      canReconverge: row.resolved_at === null && RECONVERGEABLE.has(row.kind) && row.desired_release_id !== null && row.can_act !== false,
    };
  });
}

const RECONVERGEABLE: ReadonlySet<FindingKind> = new Set(["unknown-artifact", "unverifiable", "recalled", "mutated", "wrong-service", "unapproved", "behind", "ahead", "settings-differ", "missing", "contested"]);
