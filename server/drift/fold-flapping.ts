import { FINDING_CATEGORIES, type FindingCategory } from "@/lib/domain/drift/categories";
import { decideFlap, FLAP_WITHIN_MS, isFoldable, type Flap } from "@/lib/domain/drift/flapping";
import type { ObservedFinding } from "@/lib/domain/drift/reconcile-findings";
import type { Tx } from "@/server/db";
import { waiverSql } from "@/server/policies/waiver-sql";

/** What is found at a target is always one of the categories. */
export type TargetFinding = ObservedFinding & { category: FindingCategory };
type FlapRow = { id: string; target_id: bigint; cause: { kinds?: FindingCategory[]; present?: FindingCategory[]; times?: number; lastAt?: string } };
type EndedRow = { target_id: bigint; kind: FindingCategory; ended: number };

export type Folded = {
  /** Whether findings of this kind come and go at this target: what does is not opened there, nor kept open. */
  isFolded: (finding: Pick<TargetFinding, "target" | "category">) => boolean;
  /** Targets of which this was begun, brought up to date or ended. */
  moved: ReadonlySet<string>;
};

/** Opens, updates and ends the one finding that stands for those which come and go at a target. Nothing is written where nothing moves. */
export async function foldFlapping(tx: Tx, targetIds: readonly bigint[], { seen, open, now }: { seen: readonly TargetFinding[]; open: readonly TargetFinding[]; now: Date }): Promise<Folded> {
  const rows = await tx.$queryRaw<FlapRow[]>`SELECT id::text, target_id, cause FROM findings WHERE kind = 'flapping' AND target_id = ANY(${targetIds}::bigint[]) AND resolved_at IS NULL`;
  const opened = new Set(open.map(keyOf));
  const fresh = seen.filter((finding) => isFoldable(finding.category) && !opened.has(keyOf(finding)));
  if (rows.length === 0 && fresh.length === 0) return { isFolded: () => false, moved: new Set() };
  const flaps = new Map(rows.map((row) => [row.target_id.toString(), { id: row.id, flap: toFlap(row) }]));
  const ended = await countEnded(tx, fresh, now);
  const waived = await readWaived(tx, [...fresh, ...[...flaps].flatMap(([target, { flap }]) => flap.kinds.map((category) => ({ target, category })))]);
  const folded = new Set<string>();
  const begun: { target: string; flap: Flap }[] = [];
  const changed: { id: string; target: string; flap: Flap }[] = [];
  const over: { id: string; target: string; reason: string }[] = [];
  const kindsAt = (list: readonly TargetFinding[], target: string): FindingCategory[] => list.filter((finding) => finding.target === target).map(({ category }) => category);
  for (const target of new Set([...flaps.keys(), ...fresh.map((finding) => finding.target)])) {
    const known = flaps.get(target) ?? null;
    const excused = new Set(waived.get(target));
    const flap = decideFlap({ flap: known?.flap ?? null, observed: kindsAt(seen, target), open: kindsAt(open, target), ended: ended.get(target) ?? new Map(), waived: excused }, now.getTime());
    for (const category of flap?.kinds ?? []) folded.add(keyOf({ target, category }));
    if (flap === null && known !== null) over.push({ id: known.id, target, reason: known.flap.kinds.length > 0 && known.flap.kinds.every((kind) => excused.has(kind)) ? "it is waived" : "it was quiet" });
    if (flap !== null && known === null) begun.push({ target, flap });
    if (flap !== null && known !== null && flap !== known.flap) changed.push({ id: known.id, target, flap });
  }
  if (begun.length > 0) {
    await tx.$executeRaw`
      INSERT INTO findings (kind, service_name, service_id, environment_id, partition, target_id, cause, count, since, opened_at)
      SELECT 'flapping', t.service_name, t.service_id, t.environment_id, t.partition, t.id, n.cause::jsonb, 1, ${now}, ${now}
      FROM unnest(${begun.map(({ target }) => target)}::bigint[], ${begun.map(({ flap }) => causeOf(flap))}::text[]) n(target_id, cause) JOIN targets t ON t.id = n.target_id
      ORDER BY t.id ON CONFLICT DO NOTHING`;
  }
  if (changed.length > 0) {
    await tx.$executeRaw`
      UPDATE findings f SET cause = n.cause::jsonb FROM unnest(${changed.map(({ id }) => id)}::uuid[], ${changed.map(({ flap }) => causeOf(flap))}::text[]) n(id, cause) WHERE f.id = n.id`;
  }
  if (over.length > 0) {
    await tx.$executeRaw`
      UPDATE findings f SET resolved_at = ${now}, resolved_reason = n.reason FROM unnest(${over.map(({ id }) => id)}::uuid[], ${over.map(({ reason }) => reason)}::text[]) n(id, reason)
      WHERE f.id = n.id AND f.resolved_at IS NULL`;
  }
  return { isFolded: (finding) => folded.has(keyOf(finding)), moved: new Set([...begun, ...changed, ...over].map(({ target }) => target)) };
}

function keyOf({ target, category }: Pick<TargetFinding, "target" | "category">): string {
  return `${target} ${category}`;
}

/** By target and kind, how often it ended lately: each image for itself, since one change of a target ends a finding per image. */
async function countEnded(tx: Tx, fresh: readonly TargetFinding[], now: Date): Promise<Map<string, Map<FindingCategory, number>>> {
  if (fresh.length === 0) return new Map();
  const rows = await tx.$queryRaw<EndedRow[]>`
    SELECT target_id, kind, max(ended)::int AS ended FROM (
      SELECT target_id, kind, count(*) AS ended FROM findings
      WHERE target_id = ANY(${[...new Set(fresh.map(({ target }) => BigInt(target)))]}::bigint[]) AND resolved_at > ${new Date(now.getTime() - FLAP_WITHIN_MS)} AND kind = ANY(${FINDING_CATEGORIES.filter(isFoldable)}::text[])
      GROUP BY target_id, kind, image_id) x
    GROUP BY 1, 2`;
  const counts = new Map<string, Map<FindingCategory, number>>();
  for (const row of rows) counts.set(row.target_id.toString(), new Map([...(counts.get(row.target_id.toString()) ?? []), [row.kind, row.ended]]));
  return counts;
}

/** By target, which of these kinds a waiver covers. */
async function readWaived(tx: Tx, asked: readonly Pick<TargetFinding, "target" | "category">[]): Promise<Map<string, FindingCategory[]>> {
  const rows = await tx.$queryRaw<{ target_id: bigint; kind: FindingCategory }[]>`
    SELECT DISTINCT t.id AS target_id, n.kind FROM unnest(${asked.map(({ target }) => target)}::bigint[], ${asked.map(({ category }) => category)}::text[]) n(target_id, kind)
    JOIN targets t ON t.id = n.target_id WHERE ${waiverSql("t", "n.kind")} IS NOT NULL`;
  const kinds = new Map<string, FindingCategory[]>();
  for (const row of rows) kinds.set(row.target_id.toString(), [...(kinds.get(row.target_id.toString()) ?? []), row.kind]);
  return kinds;
}

function toFlap({ cause }: FlapRow): Flap {
  return { kinds: cause.kinds ?? cause.present ?? [], present: cause.present ?? [], times: cause.times ?? 0, lastAt: Date.parse(cause.lastAt ?? "") || 0 };
}

function causeOf({ kinds, present, times, lastAt }: Flap): string {
  return JSON.stringify({ kinds, present, times, lastAt: new Date(lastAt).toISOString(), detail: `${times} times${present.length === 0 ? ", not there just now" : `, now ${present.join(", ")}`}` });
}
