import type { DriftCategory } from "@/lib/domain/drift/categories";
import { classifyCombination, type CandidateRelease, type Desired, type DesiredRelease } from "@/lib/domain/drift/classify";
import { resolveImage, type ReportedDigest } from "@/lib/domain/drift/resolve-image";
import type { Db, Tx } from "@/server/db";
import { approvedSql, recalledSql } from "@/server/releases/approved-sql";
import type { CombinationKey } from "./combination";

export type Verdict = { categories: DriftCategory[]; runningReleaseId: string | null };

type ReleaseRow = { id: string; service_id: string; artifact_id: string; component: string; registered_order: bigint; recalled: boolean; approved_in: string[] };
type DesiredRow = { id: string; registered_order: bigint; settings_digest: string | null; recalled: boolean; components: { name: string; artifactId: string }[] };

/** What the ledger says about a set of combinations, loaded with a fixed number of queries. */
type LedgerView = {
  digestsOf: Map<bigint, ReportedDigest[]>;
  artifactsOf: Map<string, string[]>;
  releasesOf: Map<string, ReleaseRow[]>;
  recalledArtifacts: Set<string>;
  desired: Map<string, DesiredRelease>;
  activeRollouts: Set<string>;
};

/** The verdict of each combination, in their order: the classifier of lib/domain/drift on what the ledger says now. */
export async function judgeCombinations(tx: Db | Tx, keys: readonly CombinationKey[]): Promise<Verdict[]> {
  if (keys.length === 0) return [];
  const view = await loadView(tx, keys);
  return keys.map((key) => judge(key, view));
}

function judge(key: CombinationKey, view: LedgerView): Verdict {
  const image = resolveImage(view.digestsOf.get(key.imageId) ?? [], (digest) => view.artifactsOf.get(digest) ?? []);
  const rows = image.candidates.flatMap((artifact) => view.releasesOf.get(artifact) ?? []);
  const releases = rows.map((row): CandidateRelease => ({
    releaseId: row.id,
    serviceId: row.service_id,
    artifactId: row.artifact_id,
    component: row.component,
    registeredSeq: Number(row.registered_order),
    approvedHere: row.approved_in.includes(key.environmentId),
    recalled: row.recalled,
  }));
  const categories = classifyCombination(
    { component: key.component, ignored: key.ignoredBy !== null, image, mutated: key.mutated, settingsDigest: key.settingsDigest, declaredMatches: key.declaredMatches, tagMoved: false },
    {
      service: key.serviceId === null ? null : { id: key.serviceId },
      releases,
      recalledArtifacts: view.recalledArtifacts,
      desired: desiredFor(key, view),
      activeRollout: view.activeRollouts.has(placeText(key)),
    },
  );
  return { categories, runningReleaseId: key.ignoredBy === null ? runningRelease(key, releases) : null };
}

function desiredFor(key: CombinationKey, view: LedgerView): Desired {
  if (key.desiredKind !== "release") return { kind: key.desiredKind };
  const release = key.desiredReleaseId === null ? undefined : view.desired.get(key.desiredReleaseId);
  return release ? { kind: "release", release } : { kind: "none" };
}

/** Which version to show: the desired one when it runs, else this service's newest that names the bytes, else anyone's. */
function runningRelease(key: CombinationKey, releases: readonly CandidateRelease[]): string | null {
  const wanted = releases.find(({ releaseId }) => releaseId === key.desiredReleaseId);
  const newest = (list: readonly CandidateRelease[]): CandidateRelease | undefined => list.toSorted((a, b) => b.registeredSeq - a.registeredSeq)[0];
  return (wanted ?? newest(releases.filter(({ serviceId }) => serviceId === key.serviceId)) ?? newest(releases))?.releaseId ?? null;
}

function placeText({ serviceId, environmentId, partition }: { serviceId: string | null; environmentId: string; partition: string }): string {
  return `${serviceId} ${environmentId} ${partition}`;
}

async function loadView(tx: Db | Tx, keys: readonly CombinationKey[]): Promise<LedgerView> {
  const imageIds = [...new Set(keys.map((key) => key.imageId))];
  const environmentIds = [...new Set(keys.map((key) => key.environmentId))];
  const serviceIds = [...new Set(keys.flatMap((key) => key.serviceId ?? []))];
  const desiredIds = [...new Set(keys.flatMap((key) => key.desiredReleaseId ?? []))];

  const images = await tx.$queryRaw<{ id: bigint; digests: ReportedDigest[] }[]>`SELECT id, digests FROM images WHERE id = ANY(${imageIds}::bigint[])`;
  const aliases = await tx.$queryRaw<{ digest: string; artifacts: string[] }[]>`
    SELECT a.digest::text, array_agg(DISTINCT a.artifact_id::text) AS artifacts FROM artifact_digests a
    WHERE a.digest IN (SELECT digest FROM image_digests WHERE image_id = ANY(${imageIds}::bigint[])) GROUP BY a.digest`;
  const artifactIds = [...new Set(aliases.flatMap(({ artifacts }) => artifacts))];
  const releases = artifactIds.length === 0 ? [] : await tx.$queryRaw<ReleaseRow[]>`
    SELECT r.id::text, (SELECT coalesce(s.merged_into, s.id)::text FROM services s WHERE s.id = r.service_id) AS service_id, rc.artifact_id::text, rc.name::text AS component, r.registered_order, ${recalledSql("r.id")} AS recalled,
      ARRAY(SELECT e.id::text FROM environments e WHERE e.id = ANY(${environmentIds}::uuid[])
        AND ${approvedSql("r.id", "e")}) AS approved_in
    FROM release_components rc JOIN releases r ON r.id = rc.release_id WHERE rc.artifact_id = ANY(${artifactIds}::uuid[])`;
  const desired = desiredIds.length === 0 ? [] : await tx.$queryRaw<DesiredRow[]>`
    SELECT r.id::text, r.registered_order, r.settings_digest, ${recalledSql("r.id")} AS recalled,
      (SELECT jsonb_agg(jsonb_build_object('name', c.name, 'artifactId', c.artifact_id)) FROM release_components c WHERE c.release_id = r.id) AS components
    FROM releases r WHERE r.id = ANY(${desiredIds}::uuid[])`;
  const recalled = artifactIds.length === 0 ? [] : await tx.$queryRaw<{ id: string }[]>`
    SELECT artifact_id::text AS id FROM recalls WHERE artifact_id = ANY(${artifactIds}::uuid[]) AND lifted_at IS NULL`;
  const rollouts = serviceIds.length === 0 ? [] : await tx.$queryRaw<{ service_id: string; environment_id: string; partition: string }[]>`
    SELECT service_id::text, environment_id::text, partition::text FROM rollouts
    WHERE service_id = ANY(${serviceIds}::uuid[]) AND status IN ('planned', 'running', 'paused')`;

  const releasesOf = new Map<string, ReleaseRow[]>();
  for (const row of releases) releasesOf.set(row.artifact_id, [...(releasesOf.get(row.artifact_id) ?? []), row]);
  return {
    digestsOf: new Map(images.map((row) => [row.id, row.digests])),
    artifactsOf: new Map(aliases.map((row) => [row.digest, row.artifacts])),
    releasesOf,
    recalledArtifacts: new Set(recalled.map(({ id }) => id)),
    desired: new Map(desired.map((row) => [row.id, { id: row.id, registeredSeq: Number(row.registered_order), components: row.components ?? [], settingsDigest: row.settings_digest, baselineSettings: null, recalled: row.recalled }])),
    activeRollouts: new Set(rollouts.map((row) => placeText({ serviceId: row.service_id, environmentId: row.environment_id, partition: row.partition }))),
  };
}
