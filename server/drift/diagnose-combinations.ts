import type { DoctorCase } from "@/lib/contract/doctor";
import { adviseFinding } from "@/lib/domain/drift/advise-finding";
import { DRIFT_CATEGORIES, opensFinding, severityOf, type DriftCategory } from "@/lib/domain/drift/categories";
import { describeFinding } from "@/lib/domain/drift/describe-finding";
import { explainCombination, isAmiss, type CombinationStory, type ExplainedRelease } from "@/lib/domain/drift/explain-combination";
import { causesOfMapping, explainMapping, type MappingFacts } from "@/lib/domain/drift/explain-mapping";
import { resolveImage, type ReportedDigest } from "@/lib/domain/drift/resolve-image";
import { mapFacts } from "@/lib/domain/fleet/map-facts";
import { externalSql } from "@/server/authority/authority-sql";
import type { Db } from "@/server/db";
import { readLedgerNames, repositoriesOf, type LedgerNames } from "@/server/inventory/mapping-rules";
import { poolEnvironmentsSql } from "@/server/inventory/pool-environments-sql";
import { waiverSql } from "@/server/policies/waiver-sql";
import { adoptedSql, recalledSql, standingSql } from "@/server/releases/approved-sql";
import { digestOfImage, readReleases as readApprovals, type KnownEnvironment } from "./read-references";

type Row = {
  id: bigint; service_id: string | null; environment_id: string; partition: string; component: string; image_id: bigint; desired_kind: "none" | "nothing" | "release"; desired_release_id: string | null; unexpected: boolean;
  settings_digest: string | null; declared_matches: boolean | null; categories: DriftCategory[]; running_release_id: string | null; instances: number; silent: number; waived: string[];
};
type SampleRow = { combination_id: bigint; instance: string; container: string; target: string; namespace: string | null; labels: Record<string, string>; containers: number; agent: string; region: string | null; pool: string; environments: string[]; mutated: { count: number; paths: string[] } | null };
type ImageRow = { id: bigint; digests: ReportedDigest[]; reference: string | null };
type ReleaseRow = { id: string; service: string; version: string; artifact_id: string; environment_id: string; approvals: number; adopted: boolean; recalled: boolean };
type PlaceRow = { environment_id: string; partition: string; version: string; entry_seq: bigint; updated_at: Date; by: string; authority: string };

/** How many instances are named for each set of facts. */
const SAMPLES = 3;

/**
 * Each set of facts that is seen of a service in the chosen environments, with its story: the worst first, at most so many.
 * Where else what runs may run is told of all environments that are named. A fixed number of queries, whatever the size of the fleet.
 */
export async function diagnoseCombinations(
  db: Db,
  { service, environments, chosen, most }: { service: string; environments: readonly KnownEnvironment[]; chosen: readonly KnownEnvironment[]; most: number },
): Promise<DoctorCase[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT c.id, c.service_id::text, c.environment_id::text, c.partition::text, c.component::text, c.image_id, c.desired_kind, c.desired_release_id::text, c.unexpected, c.settings_digest, c.declared_matches, c.categories, c.running_release_id::text,
      n.instances, n.silent, ARRAY(SELECT k FROM unnest(c.categories) k WHERE ${waiverSql("c", "k")} IS NOT NULL) AS waived
    FROM combinations c JOIN LATERAL (
      SELECT sum(k.instances)::int AS instances, coalesce(sum(k.instances) FILTER (WHERE s.freshness = 'silent'), 0)::int AS silent
      FROM combination_counts k JOIN agent_scopes s ON s.id = k.agent_scope_id WHERE k.combination_id = c.id) n ON n.instances > 0
    WHERE c.service_name = ${service} AND c.environment_id = ANY(${chosen.map(({ id }) => id)}::uuid[])
    ORDER BY array_position(${[...DRIFT_CATEGORIES]}::text[], c.categories[1]), n.instances DESC, c.id LIMIT ${most}`;
  if (rows.length === 0) return [];
  const nameOf = new Map(chosen.map((environment) => [environment.id, environment]));
  const imageIds = [...new Set(rows.map((row) => row.image_id))];
  const serviceIds = [...new Set(rows.flatMap((row) => row.service_id ?? []))];
  const samples = await readSamples(db, rows.map(({ id }) => id));
  const images = new Map((await db.$queryRaw<ImageRow[]>`SELECT id, digests, reference FROM images WHERE id = ANY(${imageIds}::bigint[])`).map((row) => [row.id, row]));
  const artifactsOf = await readAliases(db, imageIds);
  const releases = await readReleases(db, { artifactIds: [...new Set([...artifactsOf.values()].flat())], environmentIds: [...new Set(rows.map((row) => row.environment_id))] });
  const approvals = await readApprovals(db, rows.map((row) => row.running_release_id));
  const permanent = new Set(environments.filter(({ kind }) => kind === "permanent").map(({ name }) => name));
  const desired = await readDesired(db, rows.flatMap((row) => row.desired_release_id ?? []));
  const places = await readPlaces(db, serviceIds);
  const rollouts = serviceIds.length === 0 ? [] : await db.$queryRaw<{ environment_id: string; partition: string; number: bigint }[]>`
    SELECT environment_id::text, partition::text, number FROM rollouts WHERE service_id = ANY(${serviceIds}::uuid[]) AND status IN ('planned', 'running', 'paused')`;
  const names = await readLedgerNames(db);

  return rows.map((row): DoctorCase => {
    const environment = nameOf.get(row.environment_id);
    if (!environment) throw new Error("a combination outside its environments");
    const isHere = (place: { environment_id: string; partition: string }): boolean => place.environment_id === row.environment_id && place.partition === row.partition;
    const own = samples.filter((sample) => sample.combination_id === row.id);
    const image = images.get(row.image_id);
    const resolved = resolveImage(image?.digests ?? [], (digest) => artifactsOf.get(digest) ?? []);
    const named = releases.filter((release) => release.environment_id === row.environment_id);
    const leadsTo = (artifacts: readonly string[]): ReleaseRow[] => named.filter(({ artifact_id }) => artifacts.includes(artifact_id));
    const explained = leadsTo(resolved.candidates).map((release): ExplainedRelease => ({ service: release.service, version: release.version, own: release.service === service, approvals: release.approvals, adoptedHere: release.adopted, approvedHere: release.adopted || release.approvals >= environment.requiredApprovals, recalled: release.recalled }));
    const place = places.find(isHere);
    const wanted = desired.get(row.desired_release_id ?? "");
    const mapping = explainSample(names, { row, sample: own[0], image, service, environment: environment.name });
    const mutated = own.find((sample) => sample.mutated !== null && sample.mutated.count > 0)?.mutated ?? null;
    const digests = (image?.digests ?? []).map(({ digest, kind, repository }) => ({ digest, kind, repository: repository ?? null, leadsTo: [...new Set(leadsTo(artifactsOf.get(digest) ?? []).map((release) => `${release.service} ${release.version}`))] }));
    const story: CombinationStory = {
      service, adopted: row.service_id !== null, environment: environment.name, partition: row.partition, instances: row.instances, silent: row.silent, reference: image?.reference ?? null,
      samples: own.map(({ instance, target, agent, region }) => ({ instance, target, agent, region })), digests, resolution: resolved.resolution, labels: own[0]?.labels ?? {}, mapping: mapping.map(({ sentence }) => sentence), releases: explained,
      requiredApprovals: environment.requiredApprovals, assigned: place ? { version: place.version, entry: Number(place.entry_seq), at: place.updated_at.toISOString(), by: place.by, authority: place.authority } : null,
      desiredKind: row.desired_kind, desiredVersion: wanted?.version ?? null, unexpected: row.unexpected, rollout: Number(rollouts.find(isHere)?.number ?? 0) || null,
      settings: { running: row.settings_digest, expected: wanted?.settings_digest ?? null }, mutated, declaredMatches: row.declared_matches, categories: row.categories,
    };
    const running = named.find(({ id }) => id === row.running_release_id);
    const facts = { service, environment: environment.name, runningVersion: running?.version ?? null, assignedVersion: wanted?.version ?? place?.version ?? null, runningService: running && running.service !== service ? running.service : null };
    const approvedFor = (approvals.get(row.running_release_id ?? "")?.approvedFor ?? []).filter((name) => permanent.has(name));
    return {
      environment: environment.name, partition: row.partition, component: row.component, instances: row.instances, silent: row.silent,
      well: row.silent === 0 && row.categories.every((category) => !isAmiss(category) || row.waived.includes(category)),
      steps: explainCombination(story),
      mapping,
      digests,
      verdicts: row.categories.map((kind) => ({
        kind,
        severity: severityOf(kind),
        sentence: opensFinding(kind) ? describeFinding({ kind, ...facts, instances: row.instances, runningDigest: digestOfImage(image && { ...image, digests: digests.map(({ digest, kind: of, repository }) => ({ digest, kind: of, repository })), known: digests.filter(({ leadsTo: to }) => to.length > 0).map(({ digest }) => digest) }), approvedFor, agent: null, detail: mutated?.paths.slice(0, 3).join(", ") ?? null }) : describeCalm(kind),
        advice: adviseFinding(kind, facts),
        waived: row.waived.includes(kind),
      })),
    };
  });
}

function describeCalm(kind: DriftCategory): string {
  if (kind === "in-sync") return "What runs is what is assigned.";
  if (kind === "in-transition") return "What differs is explained by a rollout that is under way.";
  if (kind === "not-adopted") return "The service is not in the ledger: it is counted, and not judged.";
  return "Nobody judges it.";
}

/** By what the first sample became what it is: the facts that its agent reported, held against today's rules. */
function explainSample(names: LedgerNames, { row, sample, image, service, environment }: { row: Row; sample: SampleRow | undefined; image: ImageRow | undefined; service: string; environment: string }): DoctorCase["mapping"] {
  if (!sample) return [];
  const facts = { container: sample.container, labels: sample.labels, containersInTarget: Math.max(1, sample.containers), repositories: image ? repositoriesOf(image) : [], origin: { image: image?.reference ?? null, target: sample.target, namespace: sample.namespace, agent: sample.agent, pool: sample.pool } };
  const mapped = mapFacts(facts, { ...names, environments: sample.environments });
  const input: MappingFacts = {
    facts,
    // A name may be an alias of the service.
    mapped: { ...mapped, service: mapped.service === null ? null : (names.serviceOf(mapped.service)?.name ?? mapped.service) },
    belongs: { service, environment, partition: row.partition, component: row.component },
    environments: sample.environments,
    pool: sample.pool,
  };
  return explainMapping(input, causesOfMapping(input));
}

function readSamples(db: Db, combinationIds: readonly bigint[]): Promise<SampleRow[]> {
  return db.$queryRaw<SampleRow[]>`
    SELECT c.id AS combination_id, i.key AS instance, i.component AS container, t.key AS target, t.namespace, t.labels, jsonb_array_length(t.components) AS containers, a.name AS agent, coalesce(i.region, a.region) AS region, p.name::text AS pool,
      jsonb_path_query_array(${poolEnvironmentsSql("p.id")}, '$[*].name') AS environments, i.mutated
    FROM unnest(${combinationIds}::bigint[]) c(id)
    JOIN LATERAL (SELECT x.* FROM instances x WHERE x.combination_id = c.id ORDER BY x.id LIMIT ${SAMPLES}) i ON true
    JOIN targets t ON t.id = i.target_id JOIN agent_scopes s ON s.id = i.agent_scope_id JOIN agents a ON a.id = s.agent_id JOIN pools p ON p.id = a.pool_id
    ORDER BY c.id, i.id`;
}

/** The artifacts that each digest of these images leads to. */
async function readAliases(db: Db, imageIds: readonly bigint[]): Promise<Map<string, string[]>> {
  const rows = await db.$queryRaw<{ digest: string; artifacts: string[] }[]>`
    SELECT a.digest::text, array_agg(DISTINCT a.artifact_id::text) AS artifacts FROM artifact_digests a
    WHERE a.digest IN (SELECT digest FROM image_digests WHERE image_id = ANY(${imageIds}::bigint[])) GROUP BY a.digest`;
  return new Map(rows.map((row) => [row.digest, row.artifacts]));
}

/** The releases that name these artifacts, once for each environment, newest first. */
function readReleases(db: Db, { artifactIds, environmentIds }: { artifactIds: readonly string[]; environmentIds: readonly string[] }): Promise<ReleaseRow[]> {
  return db.$queryRaw<ReleaseRow[]>`
    SELECT r.id::text, s.name::text AS service, r.version, x.artifact_id::text, e.id::text AS environment_id, ${standingSql("r.id", "e")}::int AS approvals, ${adoptedSql("r.id", "e")} AS adopted, ${recalledSql("r.id")} AS recalled
    FROM (SELECT DISTINCT release_id, artifact_id FROM release_components WHERE artifact_id = ANY(${artifactIds}::uuid[])) x JOIN releases r ON r.id = x.release_id JOIN services s ON s.id = r.service_id
    JOIN environments e ON e.id = ANY(${environmentIds}::uuid[]) ORDER BY r.registered_order DESC, e.ordinal LIMIT 1000`;
}

async function readDesired(db: Db, ids: readonly string[]): Promise<Map<string, { version: string; settings_digest: string | null }>> {
  const rows = await db.$queryRaw<{ id: string; version: string; settings_digest: string | null }[]>`SELECT id::text, version, settings_digest FROM releases WHERE id = ANY(${[...new Set(ids)]}::uuid[])`;
  return new Map(rows.map((row) => [row.id, row]));
}

function readPlaces(db: Db, serviceIds: readonly string[]): Promise<PlaceRow[]> {
  return db.$queryRaw<PlaceRow[]>`
    SELECT a.environment_id::text, a.partition::text, r.version, a.entry_seq, a.updated_at, coalesce(by.display_name, 'Plumbline') AS by, CASE WHEN ${externalSql("a.service_id", "a.environment_id", "a.partition")} THEN 'external' ELSE 'plumbline' END AS authority
    FROM assignments a JOIN releases r ON r.id = a.release_id LEFT JOIN ledger_entries l ON l.seq = a.entry_seq LEFT JOIN actors by ON by.id = l.actor_id
    WHERE a.service_id = ANY(${serviceIds}::uuid[])`;
}
