import { z } from "zod";
import { instanceDetail, type InstanceDetail } from "@/lib/contract/fleet";
import { severityOf, type DriftCategory } from "@/lib/domain/drift/categories";
import type { Health, InstanceState } from "@/lib/domain/fleet/health";
import { visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { digestOfImage, readImages, readReleases, refOf } from "./read-references";

const DAY_MS = 24 * 60 * 60_000;
const MOST_SPANS = 500;

type Row = {
  instance_key: string; service: string | null; environment: string; partition: string; component: string; target_id: bigint; target_key: string; kind: string; labels: Record<string, string>; managed_by: unknown; agent_id: string; agent: string;
  region: string | null; categories: DriftCategory[]; desired_release_id: string | null; running_release_id: string | null; image_id: bigint; state: InstanceState; health: Health; restarts: number; mutated: unknown; last_exit: unknown;
  settings_digest: string | null; started_at: Date; ended_at: Date; end_reason: string;
};
type SpanRow = { started_at: Date; ended_at: Date; image_id: bigint; running_release_id: string | null; state: string; health: string; end_reason: string };
const facts = z.object({ mutated: instanceDetail.shape.mutated, lastExit: instanceDetail.shape.lastExit, managedBy: instanceDetail.shape.managedBy });

/** A copy that is not there any more, from the history that it left. @throws AppError not-found, also for one that the actor may not see */
export async function getEndedInstance(ctx: Ctx, id: string): Promise<InstanceDetail> {
  const { db } = ctx;
  const [row] = await db.$queryRaw<Row[]>`
    SELECT s.instance_key, nullif(s.service_name, '') AS service, e.name::text AS environment, s.partition, s.component, s.target_id, t.key AS target_key, t.kind, t.labels, t.managed_by, a.id::text AS agent_id, a.name AS agent,
      coalesce(s.region, a.region) AS region, c.categories, c.desired_release_id::text, c.running_release_id::text, s.image_id, s.state, s.health, s.restarts, s.mutated, s.last_exit, s.settings_digest, s.started_at, s.ended_at, s.end_reason
    FROM spans s JOIN environments e ON e.id = s.environment_id JOIN targets t ON t.id = s.target_id JOIN agents a ON a.id = s.agent_id JOIN combinations c ON c.id = s.combination_id
    WHERE s.instance_id = ${id}::uuid ORDER BY s.ended_at DESC, s.id DESC LIMIT 1`;
  if (!row || !visibleTo(ctx, "instances.read", { ...(row.service !== null && { service: row.service }), environment: row.environment })) throw notFound("instance");
  const since = new Date(row.ended_at.getTime() - DAY_MS);
  const spans = await db.$queryRaw<SpanRow[]>`
    SELECT s.started_at, s.ended_at, s.image_id, c.running_release_id::text, s.state, s.health, s.end_reason FROM spans s LEFT JOIN combinations c ON c.id = s.combination_id
    WHERE s.instance_id = ${id}::uuid AND s.ended_at >= ${since} ORDER BY s.started_at, s.id LIMIT ${MOST_SPANS}`;
  const releases = await readReleases(db, [row.desired_release_id, row.running_release_id, ...spans.map((span) => span.running_release_id)]);
  const images = await readImages(db, [row.image_id, ...spans.map((span) => span.image_id)]);
  const image = images.get(row.image_id);
  return {
    id,
    key: row.instance_key,
    service: row.service,
    environment: row.environment,
    partition: row.partition,
    component: row.component,
    target: { id: row.target_id.toString(), key: row.target_key },
    agent: { id: row.agent_id, name: row.agent },
    region: row.region,
    categories: row.categories,
    severity: severityOf(row.categories[0] ?? "not-adopted"),
    assigned: refOf(releases.get(row.desired_release_id ?? "")),
    running: { version: releases.get(row.running_release_id ?? "")?.version ?? null, digest: digestOfImage(image), reference: image?.reference ?? null },
    state: row.state,
    health: row.health,
    restarts: row.restarts,
    startedAt: null,
    factsSince: row.started_at.toISOString(),
    lastReportAt: row.ended_at.toISOString(),
    freshness: "fresh",
    ended: { at: row.ended_at.toISOString(), reason: row.end_reason },
    ...facts.parse({ mutated: row.mutated, lastExit: row.last_exit, managedBy: row.managed_by }),
    digests: (image?.digests ?? []).map(({ digest, kind, repository }) => ({ digest, kind, repository: repository ?? null })),
    canAct: false,
    cannotActReason: "it is not there any more",
    generation: null,
    findings: [],
    lane: spans.map((span) => ({
      from: (span.started_at < since ? since : span.started_at).toISOString(),
      to: span.ended_at.toISOString(),
      version: releases.get(span.running_release_id ?? "")?.version ?? null,
      digest: digestOfImage(images.get(span.image_id)),
      state: span.state,
      health: span.health,
      endReason: span.end_reason,
    })),
    events: [],
    raw: { labels: row.labels, target: { key: row.target_key, kind: row.kind }, settingsDigest: row.settings_digest },
  };
}
