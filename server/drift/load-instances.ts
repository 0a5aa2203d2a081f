import type { InstanceDto } from "@/lib/contract/fleet";
import { severityOf, type DriftCategory } from "@/lib/domain/drift/categories";
import type { Freshness } from "@/lib/domain/fleet/freshness";
import type { Health, InstanceState } from "@/lib/domain/fleet/health";
import type { Db } from "@/server/db";
import { digestOfImage, readImages, readReleases, refOf } from "./read-references";

type Row = {
  id: string; key: string; service: string | null; environment: string; partition: string; component: string; target_id: bigint; target_key: string; agent_id: string; agent: string; region: string | null;
  categories: DriftCategory[]; desired_release_id: string | null; running_release_id: string | null; image_id: bigint; state: InstanceState; health: Health; restarts: number;
  started_at: Date | null; facts_since: Date; last_report_at: Date; freshness: Freshness;
};

/** Instances as they travel, in the order of these internal ids. */
export async function loadInstances(db: Db, ids: readonly bigint[]): Promise<InstanceDto[]> {
  if (ids.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT i.public_id::text AS id, i.key, c.service_name AS service, e.name::text AS environment, c.partition, c.component, t.id AS target_id, t.key AS target_key, a.id::text AS agent_id, a.name AS agent,
      coalesce(i.region, a.region) AS region, c.categories, c.desired_release_id::text, c.running_release_id::text, i.image_id, i.state, i.health, i.restarts, i.started_at, i.facts_since, s.last_report_at, s.freshness
    FROM unnest(${ids}::bigint[]) WITH ORDINALITY w(id, place) JOIN instances i ON i.id = w.id JOIN combinations c ON c.id = i.combination_id JOIN environments e ON e.id = c.environment_id
    JOIN targets t ON t.id = i.target_id JOIN agent_scopes s ON s.id = i.agent_scope_id JOIN agents a ON a.id = s.agent_id
    ORDER BY w.place`;
  const releases = await readReleases(db, rows.flatMap((row) => [row.desired_release_id, row.running_release_id]));
  const images = await readImages(db, rows.map((row) => row.image_id));
  return rows.map((row) => ({
    id: row.id,
    key: row.key,
    service: row.service,
    environment: row.environment,
    partition: row.partition,
    component: row.component,
    target: { id: row.target_id.toString(), key: row.target_key },
    agent: { id: row.agent_id, name: row.agent },
    region: row.region,
    categories: row.categories,
    // Nothing is known of a silent scope, whatever it showed last.
    severity: row.freshness === "silent" ? "unknown" : severityOf(row.categories[0] ?? "not-adopted"),
    assigned: refOf(releases.get(row.desired_release_id ?? "")),
    running: { version: releases.get(row.running_release_id ?? "")?.version ?? null, digest: digestOfImage(images.get(row.image_id)), reference: images.get(row.image_id)?.reference ?? null },
    state: row.state,
    health: row.health,
    restarts: row.restarts,
    startedAt: row.started_at?.toISOString() ?? null,
    factsSince: row.facts_since.toISOString(),
    lastReportAt: row.last_report_at.toISOString(),
    freshness: row.freshness,
  }));
}
