import { createHash } from "node:crypto";
import type { InventoryReport } from "@/lib/contract/agent";
import { isLocalRepository } from "@/lib/domain/fleet/digests";
import { normalizeRepository } from "@/lib/domain/fleet/repository";
import type { Db, Tx } from "@/server/db";
import { repositoriesOf } from "./mapping-rules";

type ReportedImage = InventoryReport["images"][number];

/** SHA-256, hex, of what a runtime says an image is, in whatever order it lists it. */
export function fingerprintOf(image: ReportedImage): string {
  const digests = image.digests.map(({ digest, kind, repository }) => `${digest} ${kind} ${repository ?? ""}`);
  const text = [...new Set(digests)].sort().join("\n");
  return createHash("sha256").update(`${text}\n\n${image.reference ?? ""}`).digest("hex");
}

const MOST_KEPT = 50_000;
const kept = new WeakMap<Db, Map<string, bigint>>();

/**
 * The ids of a report's images, in their order; what is committed never changes and is kept per process; new ones are stored, in one order everywhere. Nothing is resolved here:
 * an image is only what was said, and leads to artifacts when it is judged.
 */
export async function storeImages(db: Db, tx: Tx, images: readonly ReportedImage[]): Promise<bigint[]> {
  if (images.length === 0) return [];
  const fingerprints = images.map(fingerprintOf);
  const byFingerprint = new Map(fingerprints.map((fingerprint, at) => [fingerprint, images[at]]));
  const known = kept.get(db) ?? new Map<string, bigint>();
  kept.set(db, known);
  const ids = new Map([...byFingerprint.keys()].flatMap((fingerprint) => (known.has(fingerprint) ? [[fingerprint, known.get(fingerprint) ?? 0n] as const] : [])));
  const unknown = [...byFingerprint.keys()].filter((fingerprint) => !ids.has(fingerprint));
  if (unknown.length > 0) {
    const found = new Map<string, bigint>();
    await find(tx, unknown, found);
    if (known.size > MOST_KEPT) known.clear();
    // Found before anything was inserted here, so another transaction has committed them.
    for (const [fingerprint, id] of found) {
      ids.set(fingerprint, id);
      known.set(fingerprint, id);
    }
  }
  const missing = [...byFingerprint].filter(([fingerprint]) => !ids.has(fingerprint)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (missing.length > 0) {
    await insert(tx, missing);
    await find(tx, missing.map(([fingerprint]) => fingerprint), ids);
  }
  return fingerprints.map((fingerprint) => {
    const id = ids.get(fingerprint);
    if (id === undefined) throw new Error("an image that was just stored is not there");
    return id;
  });
}

async function find(tx: Tx, fingerprints: readonly string[], into: Map<string, bigint>): Promise<void> {
  const rows = await tx.$queryRaw<{ id: bigint; fingerprint: string }[]>`
    /* prepared: report-images */ SELECT i.id, f.hex AS fingerprint FROM unnest(${fingerprints}::text[]) f(hex) JOIN images i ON i.fingerprint = decode(f.hex, 'hex')`;
  for (const row of rows) into.set(row.fingerprint, row.id);
}

async function insert(tx: Tx, missing: readonly (readonly [string, ReportedImage | undefined])[]): Promise<void> {
  const rows = missing.flatMap(([fingerprint, image]) => (image ? [{ fingerprint, image }] : []));
  const digests = rows.map(({ image }) => JSON.stringify(image.digests.map(({ digest, kind, repository }) => ({ digest, kind, repository: repository ?? null }))));
  await tx.$executeRaw`
    WITH stored AS (
      INSERT INTO images (fingerprint, digests, repositories, reference, local, layers)
      SELECT decode(n.hex, 'hex'), n.digests::jsonb, ARRAY(SELECT jsonb_array_elements_text(n.repositories::jsonb)), n.reference, n.local, ARRAY(SELECT jsonb_array_elements_text(n.layers::jsonb))
      FROM unnest(${rows.map(({ fingerprint }) => fingerprint)}::text[], ${digests}::text[],
        ${rows.map(({ image }) => JSON.stringify([...new Set(repositoriesOf(image).map(normalizeRepository))].sort()))}::text[],
        ${rows.map(({ image }) => image.reference ?? null)}::text[],
        ${rows.map(({ image }) => image.digests.every(({ kind, repository }) => kind !== "file" && isLocalRepository(repository)))}::boolean[],
        ${rows.map(({ image }) => JSON.stringify(image.layers ?? []))}::text[]) n(hex, digests, repositories, reference, local, layers)
      ON CONFLICT (fingerprint) DO NOTHING RETURNING id, digests)
    INSERT INTO image_digests (image_id, digest, kind)
    SELECT stored.id, d ->> 'digest', d ->> 'kind' FROM stored, jsonb_array_elements(stored.digests) d
    ON CONFLICT DO NOTHING`;
}
