import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import type { Tx } from "@/server/db";

/** A release in the words of an assigning entry, with every digest of every component: what an agent holds its order against. */
export async function describeRelease(tx: Tx, service: { name: string }, release: { id: string; version: string }): Promise<JsonObject> {
  const rows = await tx.$queryRaw<{ name: string; repository: string | null; digests: string[] }[]>`
    SELECT c.name::text, c.repository, ARRAY(SELECT DISTINCT d.digest::text FROM artifact_digests d WHERE d.artifact_id = c.artifact_id ORDER BY 1) AS digests
    FROM release_components c WHERE c.release_id = ${release.id}::uuid ORDER BY c.name`;
  return {
    release: release.id,
    version: release.version,
    // A file comes from nowhere: its service stands in, since an entry names some source for every component.
    components: rows.map(({ name, repository, digests }) => ({ name, repository: repository ?? service.name, digests })),
  };
}
