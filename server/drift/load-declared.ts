import { assignedArtifacts } from "@/lib/domain/drift/classify";
import { Prisma, type Db, type Tx } from "@/server/db";

/** Whether a target of this alias need not run now and says what it would run (`runsLater`, judge-target.ts). */
export const declaresSql = (target: string): Prisma.Sql => Prisma.raw(`((${target}.kind IN ('job', 'oneshot') OR ${target}.desired = 0) AND jsonb_path_exists(${target}.components, '$[*].declared ? (@ != null)'))`);

/**
 * Whether what a runtime would start next is what a release names for a component; null when it does not say, or nothing
 * is wanted.
 */
export async function loadDeclared(
  tx: Db | Tx,
  asked: readonly { digest: string | null; releaseId: string | null }[],
): Promise<(digest: string | null, releaseId: string | null, component: string) => boolean | null> {
  const digests = [...new Set(asked.flatMap(({ digest, releaseId }) => (digest !== null && releaseId !== null ? [digest] : [])))];
  if (digests.length === 0) return () => null;
  const releaseIds = [...new Set(asked.flatMap(({ releaseId }) => releaseId ?? []))];
  const aliases = await tx.$queryRaw<{ digest: string; artifacts: string[] }[]>`
    SELECT digest::text, array_agg(DISTINCT artifact_id::text) AS artifacts FROM artifact_digests WHERE digest = ANY(${digests}::text[]) GROUP BY digest`;
  const components = await tx.$queryRaw<{ release_id: string; name: string; artifact_id: string }[]>`
    SELECT release_id::text, name::text, artifact_id::text FROM release_components WHERE release_id = ANY(${releaseIds}::uuid[])`;
  const artifactsOf = new Map(aliases.map((row) => [row.digest, row.artifacts]));
  return (digest, releaseId, component) => {
    if (digest === null || releaseId === null) return null;
    const named = components.filter((row) => row.release_id === releaseId).map((row) => ({ name: row.name, artifactId: row.artifact_id }));
    const assigned = assignedArtifacts({ components: named }, component);
    return (artifactsOf.get(digest) ?? []).some((artifact) => assigned.includes(artifact));
  };
}
