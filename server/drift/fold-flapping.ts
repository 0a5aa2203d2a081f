import { FINDING_CATEGORIES, type FindingCategory } from "@/lib/domain/drift/categories";
import { decideFlap, FLAP_WITHIN_MS, isFoldable, type Flap } from "@/lib/domain/drift/flapping";
import type { ObservedFinding } from "@/lib/domain/drift/reconcile-findings";
import type { Tx } from "@/server/db";

/** What is found at a target is always one of the categories. */
export type TargetFinding = ObservedFinding & { category: FindingCategory };
type FlapRow = { id: string; target_id: bigint; cause: { present?: FindingCategory[]; times?: number; lastAt?: string } };
type EndedRow = { target_id: bigint; kind: FindingCategory; ended: number };

export type Folded = {
  /** Targets at which findings come and go: what is foldable there is not opened, nor kept open. */
  folded: ReadonlySet<string>;
  /** Targets of which this was begun, brought up to date or ended. */
  moved: ReadonlySet<string>;
};

/** Opens, updates and ends the one finding that stands for those which come and go at a target. Nothing is written where nothing moves. */
export async function foldFlapping(tx: Tx, targetIds: readonly bigint[], { seen, open, now }: { seen: readonly TargetFinding[]; open: readonly TargetFinding[]; now: Date }): Promise<Folded> {
  const rows = await tx.$queryRaw<FlapRow[]>`SELECT id::text, target_id, cause FROM findings WHERE kind = 'flapping' AND target_id = ANY(${targetIds}::bigint[]) AND resolved_at IS NULL`;
  const keyOf = ({ target, category }: TargetFinding): string => `${target} ${category}`;
  const opened = new Set(open.map(keyOf));
  const fresh = seen.filter((finding) => isFoldable(finding.category) && !opened.has(keyOf(finding)));
  if (rows.length === 0 && fresh.length === 0) return { folded: new Set(), moved: new Set() };
  const ended = fresh.length === 0 ? [] : await tx.$queryRaw<EndedRow[]>`
    SELECT target_id, kind, count(*)::int AS ended FROM findings
    WHERE target_id = ANY(${[...new Set(fresh.map(({ target }) => BigInt(target)))]}::bigint[]) AND resolved_at > ${new Date(now.getTime() - FLAP_WITHIN_MS)} AND kind = ANY(${FINDING_CATEGORIES.filter(isFoldable)}::text[])
    GROUP BY 1, 2`;
  const flaps = new Map(rows.map((row) => [row.target_id.toString(), { id: row.id, flap: toFlap(row) }]));
  const folded = new Set<string>();
  const begun: { target: string; flap: Flap }[] = [];
  const changed: { id: string; target: string; flap: Flap }[] = [];
  const over: { id: string; target: string }[] = [];
  const kindsAt = (list: readonly TargetFinding[], target: string): FindingCategory[] => list.filter((finding) => finding.target === target).map(({ category }) => category);
  for (const target of new Set([...flaps.keys(), ...fresh.map((finding) => finding.target)])) {
    const known = flaps.get(target) ?? null;
    const counts = new Map(ended.filter((row) => row.target_id.toString() === target).map((row) => [row.kind, row.ended]));
    const flap = decideFlap({ flap: known?.flap ?? null, observed: kindsAt(seen, target), open: kindsAt(open, target), ended: counts }, now.getTime());
    if (flap !== null) folded.add(target);
    if (flap === null && known !== null) over.push({ id: known.id, target });
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
    await tx.$executeRaw`UPDATE findings SET resolved_at = ${now}, resolved_reason = 'it was quiet' WHERE id = ANY(${over.map(({ id }) => id)}::uuid[]) AND resolved_at IS NULL`;
  }
  return { folded, moved: new Set([...begun, ...changed, ...over].map(({ target }) => target)) };
}

function toFlap({ cause }: FlapRow): Flap {
  return { present: cause.present ?? [], times: cause.times ?? 0, lastAt: Date.parse(cause.lastAt ?? "") || 0 };
}

function causeOf({ present, times, lastAt }: Flap): string {
  return JSON.stringify({ present, times, lastAt: new Date(lastAt).toISOString(), detail: `${times} times${present.length === 0 ? ", not there just now" : `, now ${present.join(", ")}`}` });
}
