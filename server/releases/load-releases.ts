import { z } from "zod";
import { releaseDto, type ReleaseDto } from "@/lib/contract/releases";
import type { Db, Tx } from "@/server/db";
import { adoptedSql, approvedSql, recalledSql, standingSql } from "./approved-sql";

const fromJson = z.object({ components: releaseDto.shape.components, approvals: releaseDto.shape.approvals, commits: releaseDto.shape.commits, migrations: releaseDto.shape.migrations });

type Row = {
  id: string;
  service: string;
  version: string;
  kind: "planned" | "hotfix";
  registered_at: Date;
  registered_by: string;
  entry_seq: bigint;
  source_url: string | null;
  commits: unknown;
  authors: string[];
  migrations: unknown;
  recalled: boolean;
  adopted: boolean;
  components: unknown;
  approvals: unknown;
};

/** Releases as they travel, newest first; ids that do not exist are left out. */
export async function loadReleases(db: Db | Tx, ids: readonly string[]): Promise<ReleaseDto[]> {
  if (ids.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT r.id, s.name::text AS service, r.version, r.kind, r.registered_at, ac.display_name AS registered_by, r.entry_seq, r.source_url,
      r.commits, r.authors, r.migrations, ${recalledSql("r.id")} AS recalled, r.adopted,
      (SELECT jsonb_agg(jsonb_build_object('name', c.name, 'repository', c.repository, 'reference', c.reference, 'digest', a.digest,
          'digests', (SELECT jsonb_agg(jsonb_build_object('digest', d.digest, 'kind', d.kind, 'platform', d.platform) ORDER BY d.kind, d.platform, d.digest)
            FROM artifact_digests d WHERE d.artifact_id = a.id)) ORDER BY c.name)
        FROM release_components c JOIN artifacts a ON a.id = c.artifact_id WHERE c.release_id = r.id) AS components,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('environment', e.name,
          'standing', ${standingSql("r.id", "e")},
          'required', e.required_approvals, 'approved', ${approvedSql("r.id", "e")}, 'adopted', ${adoptedSql("r.id", "e")}) ORDER BY e.ordinal), '[]')
        FROM environments e WHERE e.retired_at IS NULL AND e.kind = 'permanent') AS approvals
    FROM releases r JOIN services s ON s.id = r.service_id JOIN actors ac ON ac.id = r.registered_by
    WHERE r.id = ANY(${ids}::uuid[])
    ORDER BY r.registered_order DESC`;
  return rows.map((row) => ({
    id: row.id,
    service: row.service,
    version: row.version,
    kind: row.kind,
    registeredAt: row.registered_at.toISOString(),
    registeredBy: row.registered_by,
    entry: Number(row.entry_seq),
    sourceUrl: row.source_url,
    authors: row.authors,
    recalled: row.recalled,
    adopted: row.adopted,
    ...fromJson.parse({ components: row.components, approvals: row.approvals, commits: row.commits, migrations: row.migrations }),
  }));
}
