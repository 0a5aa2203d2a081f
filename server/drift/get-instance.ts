import { z } from "zod";
import { instanceDetail, type InstanceDetail } from "@/lib/contract/fleet";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { getEndedInstance } from "./get-ended-instance";
import { loadFindings } from "./load-findings";
import { loadInstances } from "./load-instances";
import { digestOfImage, readImages, readReleases } from "./read-references";

const DAY_MS = 24 * 60 * 60_000;

type Row = {
  id: bigint; target_id: bigint; combination_id: bigint; image_id: bigint; running_release_id: string | null; mutated: unknown; last_exit: unknown; managed_by: unknown; can_act: boolean; cannot_act_reason: string | null; generation: bigint | null;
  agent_id: string; target_key: string; key: string; settings_digest: string | null; labels: Record<string, string>; kind: string; desired: number | null; ready: number | null; container: string; first_seen_at: Date;
};
type SpanRow = { started_at: Date; ended_at: Date; image_id: bigint; combination_id: bigint; running_release_id: string | null; state: string; health: string; end_reason: string };
const facts = z.object({ mutated: instanceDetail.shape.mutated, lastExit: instanceDetail.shape.lastExit, managedBy: instanceDetail.shape.managedBy });

/** One copy with its last 24 hours; of one that is not there any more those before its end. @throws AppError not-found, also for one that the actor may not see */
export async function getInstance({ ctx, input, now = new Date() }: { ctx: Ctx; input: { id: string }; now?: Date }): Promise<InstanceDetail> {
  authorise(ctx, "instances.read");
  const { db } = ctx;
  const [row] = await db.$queryRaw<Row[]>`
    SELECT i.id, i.target_id, i.combination_id, i.image_id, c.running_release_id::text, i.mutated, i.last_exit, t.managed_by, t.can_act, t.cannot_act_reason, d.generation, s.agent_id::text, t.key AS target_key, i.key,
      i.settings_digest, t.labels, t.kind, t.desired, t.ready, i.component AS container, i.first_seen_at
    FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN targets t ON t.id = i.target_id JOIN agent_scopes s ON s.id = i.agent_scope_id LEFT JOIN target_desired d ON d.target_id = t.id
    WHERE i.public_id = ${input.id}::uuid`;
  const [instance] = row ? await loadInstances(db, [row.id]) : [];
  if (!row) return getEndedInstance(ctx, input.id);
  if (!instance || !visibleTo(ctx, "instances.read", { ...(instance.service !== null && { service: instance.service }), environment: instance.environment })) throw notFound("instance");

  const since = new Date(now.getTime() - DAY_MS);
  const [spans, findingIds, events] = await Promise.all([
    db.$queryRaw<SpanRow[]>`
      SELECT s.started_at, s.ended_at, s.image_id, s.combination_id, c.running_release_id::text, s.state, s.health, s.end_reason FROM spans s LEFT JOIN combinations c ON c.id = s.combination_id
      WHERE s.instance_id = ${input.id}::uuid AND s.ended_at >= ${since} ORDER BY s.started_at, s.id LIMIT 500`,
    db.$queryRaw<{ id: string }[]>`
      SELECT id::text FROM findings WHERE resolved_at IS NULL AND ((target_id = ${row.target_id} AND (image_id IS NULL OR image_id = ${row.image_id})) OR combination_id = ${row.combination_id}) ORDER BY opened_at DESC LIMIT 50`,
    db.$queryRaw<{ at: Date; kind: string; by: string | null; learned_at: Date; detail: Record<string, unknown> }[]>`
      SELECT at, kind, by, learned_at, detail FROM events WHERE agent_id = ${row.agent_id}::uuid AND target_key = ${row.target_key} AND (instance_key IS NULL OR instance_key = ${row.key}) AND at >= ${since} ORDER BY at DESC LIMIT 200`,
  ]);
  const releases = await readReleases(db, spans.map((span) => span.running_release_id));
  const images = await readImages(db, [row.image_id, ...spans.map((span) => span.image_id)]);
  const known = facts.parse({ mutated: row.mutated, lastExit: row.last_exit, managedBy: row.managed_by });
  return {
    ...instance,
    ...known,
    ended: null,
    digests: (images.get(row.image_id)?.digests ?? []).map(({ digest, kind, repository }) => ({ digest, kind, repository: repository ?? null })),
    canAct: row.can_act,
    cannotActReason: row.cannot_act_reason,
    generation: row.generation === null ? null : Number(row.generation),
    findings: await loadFindings(db, findingIds.map(({ id }) => id)),
    lane: [
      ...spans.map((span) => ({
        from: (span.started_at < since ? since : span.started_at).toISOString(),
        to: span.ended_at.toISOString(),
        version: releases.get(span.running_release_id ?? "")?.version ?? null,
        digest: digestOfImage(images.get(span.image_id)),
        state: span.state,
        health: span.health,
        endReason: span.end_reason,
      })),
      { from: instance.factsSince, to: null, version: instance.running.version, digest: instance.running.digest, state: instance.state, health: instance.health, endReason: null },
    ],
    events: events.map((event) => ({ at: event.at.toISOString(), kind: event.kind, by: event.by, learnedAt: event.learned_at.toISOString(), detail: event.detail })),
    raw: { container: row.container, labels: row.labels, target: { key: row.target_key, kind: row.kind, desired: row.desired, ready: row.ready }, settingsDigest: row.settings_digest, firstSeenAt: row.first_seen_at.toISOString() },
  };
}
