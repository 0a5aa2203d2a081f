import { opensFinding, type DriftCategory } from "@/lib/domain/drift/categories";
import { recordChanges } from "@/server/changes/record-change";
import type { Tx } from "@/server/db";
import { COMBINATION_COLUMNS, keyOfRow, type CombinationRow } from "./combination";
import { judgeCombinations } from "./judge-combinations";
import { refreshTargetFindings } from "./refresh-findings";

/** Which combinations a decision may have changed; conditions are joined with `and`. */
export type RejudgeWhere = {
  serviceId?: string;
  /** With the previews that follow it. */
  environmentId?: string;
  partition?: string;
  /** Those that run, or should run, one of these artifacts. */
  artifactIds?: readonly string[];
  imageIds?: readonly bigint[];
  combinationIds?: readonly bigint[];
};

type Row = CombinationRow & { categories: DriftCategory[]; running_release_id: string | null };

/**
 * Verdicts are changed by one transaction at a time, so that none is overwritten with an older one. A decision that judges
 * anew takes them before it appends its entry: whoever holds the ledger waits for nobody.
 */
export async function lockVerdicts(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.verdicts', 0))`;
}

/**
 * Judges combinations anew after a decision, in its transaction. What now deviates is one finding per combination,
 * however many instances run it; what no longer does is resolved. Writes only what changed.
 */
export async function rejudgeCombinations(tx: Tx, where: RejudgeWhere, { now }: { now: Date }): Promise<void> {
  await lockVerdicts(tx);
  const { serviceId = null, environmentId = null, partition = null, artifactIds = null, imageIds = null, combinationIds = null } = where;
  const followers = environmentId === null ? [] : await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM environments WHERE template_id = ${environmentId}::uuid AND retired_at IS NULL`;
  const environmentIds = environmentId === null ? null : [environmentId, ...followers.map(({ id }) => id)];
  const rows = await tx.$queryRaw<Row[]>`
    SELECT ${COMBINATION_COLUMNS}, c.categories, c.running_release_id::text
    FROM combinations c
    WHERE (${serviceId}::uuid IS NULL OR c.service_id = ${serviceId}::uuid)
      AND (${environmentIds}::uuid[] IS NULL OR c.environment_id = ANY(${environmentIds}::uuid[]))
      AND (${partition}::text IS NULL OR c.partition = ${partition}::text)
      AND (${imageIds}::bigint[] IS NULL OR c.image_id = ANY(${imageIds}::bigint[]))
      AND (${combinationIds}::bigint[] IS NULL OR c.id = ANY(${combinationIds}::bigint[]))
      AND (${artifactIds}::uuid[] IS NULL
        OR c.image_id IN (SELECT d.image_id FROM artifact_digests a JOIN image_digests d ON d.digest = a.digest WHERE a.artifact_id = ANY(${artifactIds}::uuid[]))
        OR c.desired_release_id IN (SELECT rc.release_id FROM release_components rc WHERE rc.artifact_id = ANY(${artifactIds}::uuid[])))
    ORDER BY c.id`;
  const verdicts = await judgeCombinations(tx, rows.map(keyOfRow));
  const changed = rows.flatMap((row, at) => {
    const verdict = verdicts[at];
    const same = !verdict || (verdict.categories.join() === row.categories.join() && verdict.runningReleaseId === row.running_release_id);
    return same ? [] : [{ row, verdict }];
  });
  if (changed.length === 0) return;
  await tx.$executeRaw`
    UPDATE combinations c SET categories = string_to_array(v.categories, ','), running_release_id = v.running, judged_at = ${now}
    FROM unnest(${changed.map(({ row }) => row.id)}::bigint[], ${changed.map(({ verdict }) => verdict.categories.join(","))}::text[],
      ${changed.map(({ verdict }) => verdict.runningReleaseId)}::uuid[]) v(id, categories, running)
    WHERE c.id = v.id`;
  const pairs = (pick: (was: DriftCategory[], is: DriftCategory[]) => DriftCategory[]): { id: bigint; imageId: bigint; kind: string }[] =>
    changed.flatMap(({ row, verdict }) => pick(row.categories, verdict.categories).filter(opensFinding).map((kind) => ({ id: row.id, imageId: row.image_id, kind })));
  await openFindings(tx, pairs((was, is) => is.filter((kind) => !was.includes(kind))), now);
  await closeFindings(tx, pairs((was, is) => was.filter((kind) => !is.includes(kind))), now);
  const places = new Map(changed.map(({ row }) => [`${row.service_name} ${row.environment_id}`, row]));
  await recordChanges(tx, [...places.values()].flatMap((row) =>
    (["fleet", "findings"] as const).map((topic) => ({ topic, serviceId: row.service_id, serviceName: row.service_name, environmentId: row.environment_id })),
  ));
}

async function openFindings(tx: Tx, pairs: readonly { id: bigint; kind: string }[], now: Date): Promise<void> {
  if (pairs.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO findings (kind, service_name, service_id, environment_id, partition, combination_id, image_id, count, since, opened_at)
    SELECT p.kind, c.service_name, c.service_id, c.environment_id, c.partition, c.id, c.image_id, n.instances, ${now}, ${now}
    FROM unnest(${pairs.map(({ id }) => id)}::bigint[], ${pairs.map(({ kind }) => kind)}::text[]) p(id, kind) JOIN combinations c ON c.id = p.id
    JOIN LATERAL (SELECT sum(k.instances)::int AS instances FROM combination_counts k WHERE k.combination_id = c.id) n ON n.instances > 0
    ON CONFLICT DO NOTHING`;
}

async function closeFindings(tx: Tx, pairs: readonly { id: bigint; imageId: bigint; kind: string }[], now: Date): Promise<void> {
  if (pairs.length === 0) return;
  await tx.$executeRaw`
    UPDATE findings f SET resolved_at = ${now}, resolved_reason = 'decided'
    FROM unnest(${pairs.map(({ id }) => id)}::bigint[], ${pairs.map(({ kind }) => kind)}::text[]) p(id, kind)
    WHERE f.combination_id = p.id AND f.kind = p.kind AND f.resolved_at IS NULL`;
  const targets = await tx.$queryRaw<{ id: bigint }[]>`
    SELECT DISTINCT f.target_id AS id FROM unnest(${pairs.map(({ imageId }) => imageId)}::bigint[], ${pairs.map(({ kind }) => kind)}::text[]) p(image_id, kind)
    JOIN findings f ON f.image_id = p.image_id AND f.kind = p.kind
    WHERE f.resolved_at IS NULL AND f.target_id IS NOT NULL`;
  await refreshTargetFindings(tx, targets.map(({ id }) => id), { now });
}
