import type { EnvironmentDto } from "@/lib/contract/fleet";
import type { ReleaseRef } from "@/lib/contract/rollouts";
import { isDigest } from "@/lib/domain/fleet/digests";
import type { Db, Tx } from "@/server/db";
import { approvedSql } from "@/server/releases/approved-sql";

export type ReleaseFacts = ReleaseRef & { service: string; serviceId: string; approvedFor: string[] };

/** Releases as rows and sentences name them, by id; ids that do not exist are left out. */
export async function readReleases(db: Db | Tx, ids: readonly (string | null)[]): Promise<Map<string, ReleaseFacts>> {
  const wanted = [...new Set(ids.flatMap((id) => id ?? []))];
  if (wanted.length === 0) return new Map();
  const rows = await db.$queryRaw<{ id: string; version: string; service: string; service_id: string; digest: string | null; adopted: boolean; approved_for: string[] }[]>`
    SELECT r.id::text, r.version, s.name::text AS service, s.id::text AS service_id, r.adopted,
      (SELECT a.digest::text FROM release_components c JOIN artifacts a ON a.id = c.artifact_id WHERE c.release_id = r.id ORDER BY c.name = 'main' DESC, c.name LIMIT 1) AS digest,
      ARRAY(SELECT e.name::text FROM environments e WHERE e.retired_at IS NULL AND e.kind = 'permanent'
        AND ${approvedSql("r.id", "e")} ORDER BY e.ordinal) AS approved_for
    FROM releases r JOIN services s ON s.id = r.service_id WHERE r.id = ANY(${wanted}::uuid[])`;
  return new Map(rows.map((row) => [row.id, { id: row.id, version: row.version, digest: row.digest, ...adoptedMark(row.adopted), service: row.service, serviceId: row.service_id, approvedFor: row.approved_for }]));
}

export function refOf(release: ReleaseFacts | undefined): ReleaseRef | null {
  return release ? { id: release.id, version: release.version, digest: release.digest, ...adoptedMark(release.adopted) } : null;
}

/** What marks a release that was adopted; nothing for all others. */
export function adoptedMark(adopted: boolean | null | undefined): Pick<ReleaseRef, "adopted"> {
  return adopted ? { adopted: true } : {};
}

type EnvironmentRow = { id: string; name: string; protected: boolean; mode: "observe" | "enforce"; kind: "permanent" | "preview"; ordinal: number; required_approvals: number };
export type KnownEnvironment = EnvironmentDto & { id: string };

/** The environments in use, in order. */
export async function readEnvironments(db: Db | Tx): Promise<KnownEnvironment[]> {
  const rows = await db.$queryRaw<EnvironmentRow[]>`
    SELECT id::text, name::text, protected, mode, kind, ordinal, required_approvals FROM environments WHERE retired_at IS NULL ORDER BY ordinal`;
  return rows.map(({ required_approvals, ...row }) => ({ ...row, requiredApprovals: required_approvals }));
}

export function environmentDtoOf({ id: _id, ...environment }: KnownEnvironment): EnvironmentDto {
  return environment;
}

export type ImageRow = { digests: { digest: string; kind: string; repository: string | null }[]; reference: string | null; known: string[] };

/** The digest to show for an image: one that the ledger knows before those that only its host does, an index or a manifest before a config. */
export function digestOfImage(image: ImageRow | undefined): string | null {
  const order = ["index", "manifest", "unspecified", "file", "config"];
  const known = new Set(image?.known);
  const [first] = (image?.digests ?? [])
    .filter(({ digest }) => isDigest(digest))
    .toSorted((a, b) => Number(known.has(b.digest)) - Number(known.has(a.digest)) || order.indexOf(a.kind) - order.indexOf(b.kind));
  return first?.digest ?? null;
}

export async function readImages(db: Db | Tx, ids: readonly (bigint | null)[]): Promise<Map<bigint, ImageRow>> {
  const wanted = [...new Set(ids.flatMap((id) => id ?? []))];
  if (wanted.length === 0) return new Map();
  const rows = await db.$queryRaw<(ImageRow & { id: bigint })[]>`
    SELECT i.id, i.digests, i.reference, ARRAY(SELECT g.digest::text FROM image_digests g WHERE g.image_id = i.id AND EXISTS (SELECT FROM artifact_digests d WHERE d.digest = g.digest)) AS known
    FROM images i WHERE i.id = ANY(${wanted}::bigint[])`;
  return new Map(rows.map((row) => [row.id, row]));
}
