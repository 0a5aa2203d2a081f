import { DEFAULT_COMPONENT, sanitizeName } from "@/lib/domain/fleet/names";
import type { ObservedImage } from "@/lib/domain/drift/identify-images";
import { placeText, planAdoption, type AdoptionPlan, type KnownRelease, type ObservedGroup } from "@/lib/domain/drift/plan-adoption";
import type { ReportedDigest } from "@/lib/domain/drift/resolve-image";
import { AppError } from "@/server/errors";
import type { Db, Tx } from "@/server/db";
import { approvedSql, recalledSql } from "@/server/releases/approved-sql";

/** What one adoption may hold: its entry is one piece of the ledger, and it is written in one transaction. */
export const MOST_SERVICES = 2_000;
export const MOST_PLACES = 5_000;
const MOST_LEFT_OUT = 10_000;
/** Distinct kinds of copies that are looked at; above it nothing is planned. */
const MOST_GROUPS = 50_000;

export type AdoptionScope = { environment?: string | undefined; service?: string | undefined };
export type Adoptable = {
  plan: AdoptionPlan;
  /** The ids of the services that the ledger knows, by name, and of the environments. */
  serviceIds: ReadonlyMap<string, string>;
  environmentIds: ReadonlyMap<string, string>;
};

type GroupRow = { service: string | null; ignored: boolean; service_id: string | null; environment: string; partition: string; component: string; container: string; image_id: bigint; instances: number; mutated: number; heard: number; silent: number };
type ReleaseRow = { id: string; service: string; version: string; registered_order: bigint; recalled: boolean; components: { name: string; artifactId: string }[]; approved_in: string[]; withdrawn_in: string[] };

/**
 * Reads what runs without a decision, and plans its adoption. A fixed number of queries, whose size follows the number of
 * distinct images and services and not the number of copies.
 * @throws AppError not-found for an unknown environment, unprocessable when there is more than one plan can hold
 */
export async function readAdoption(db: Db | Tx, scope: AdoptionScope): Promise<Adoptable> {
  const environments = await db.$queryRaw<{ id: string; name: string }[]>`SELECT id::text, name::text FROM environments WHERE retired_at IS NULL ORDER BY ordinal`;
  if (scope.environment !== undefined && !environments.some(({ name }) => name === scope.environment)) {
    throw new AppError("not-found", `There is no environment ${scope.environment}.`, { fields: [{ path: "environment", message: "is not known" }] });
  }
  const rows = await readGroups(db, scope);
  const several = rows.some(({ service_id }) => service_id === null) ? await readSeveral(db, scope) : new Set<string>();
  const groups = rows.map((row): ObservedGroup => {
    const byContainer = row.service_id === null && row.component === DEFAULT_COMPONENT && row.service !== null && several.has(row.service);
    const component = byContainer ? (sanitizeName(row.container) ?? DEFAULT_COMPONENT) : row.component;
    return { service: row.service, ignored: row.ignored, environment: row.environment, partition: row.partition, component, image: row.image_id.toString(), instances: row.instances, mutated: row.mutated, heard: row.heard, silent: row.silent };
  });
  const services = [...new Set(rows.flatMap(({ service }) => service ?? []))];
  const known = await db.$queryRaw<{ id: string; name: string }[]>`SELECT id::text, name::text FROM services WHERE name = ANY(${services}::text[])`;
  const serviceIds = new Map(known.map(({ id, name }) => [name, id]));
  const { images, artifacts, linkedDigests } = await readImages(db, [...new Set(rows.map(({ image_id }) => image_id))]);
  const artifactIds = [...new Set([...artifacts.values()].flat())];
  const plan = planAdoption({
    environments: environments.map(({ name }) => name),
    groups,
    images,
    linkedDigests,
    artifactsOf: (digest) => artifacts.get(digest) ?? [],
    releases: await readReleases(db, { serviceIds: [...serviceIds.values()], artifactIds }),
    recalledArtifacts: await readRecalledArtifacts(db, artifactIds),
    decided: await readDecided(db, [...serviceIds.values()]),
  });
  return { plan, serviceIds, environmentIds: new Map(environments.map(({ id, name }) => [name, id])) };
}

/** Why this plan is more than one adoption may hold, or nothing at all; null when it can be carried out. */
export function explainUnadoptable({ places, leftOut }: AdoptionPlan): string | null {
  const services = new Set(places.map(({ service }) => service)).size;
  const narrow = "Adopt one environment or service after the other.";
  if (places.length === 0) return "There is nothing to adopt: nothing runs here that has a service and a digest and that nobody decided about.";
  if (services > MOST_SERVICES) return `${services} services are more than the ${MOST_SERVICES} that one adoption takes. ${narrow}`;
  if (places.length > MOST_PLACES) return `${places.length} places are more than the ${MOST_PLACES} that one adoption takes. ${narrow}`;
  if (leftOut.length > MOST_LEFT_OUT) return `${leftOut.length} kinds of copies would be left out, more than the ${MOST_LEFT_OUT} that one adoption names. ${narrow}`;
  return null;
}

/** Copies that no decision covers, by what they show. */
async function readGroups(db: Db | Tx, { environment = null, service = null }: { environment?: string | null | undefined; service?: string | null | undefined }): Promise<GroupRow[]> {
  const rows = await db.$queryRaw<GroupRow[]>`
    SELECT c.service_name AS service, c.service_id::text, e.name::text AS environment, c.partition::text, c.component::text, i.component AS container, c.image_id, c.ignored_by IS NOT NULL AS ignored,
      count(*)::int AS instances, (count(*) FILTER (WHERE c.mutated))::int AS mutated,
      (count(*) FILTER (WHERE i.state <> 'exited' AND s.freshness <> 'silent'))::int AS heard, (count(*) FILTER (WHERE i.state <> 'exited' AND s.freshness = 'silent'))::int AS silent
    FROM combinations c JOIN environments e ON e.id = c.environment_id AND e.retired_at IS NULL
    JOIN instances i ON i.combination_id = c.id JOIN agent_scopes s ON s.id = i.agent_scope_id
    WHERE c.desired_kind = 'none' AND (${environment}::text IS NULL OR e.name = ${environment}::text) AND (${service}::text IS NULL OR c.service_name = ${service}::text)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    LIMIT ${MOST_GROUPS + 1}`;
  if (rows.length > MOST_GROUPS) {
    throw new AppError("unprocessable", `More than ${MOST_GROUPS} kinds of copies run here, too many to plan at once. Name an environment or a service.`, { type: "too-many" });
  }
  return rows;
}

/** Names of unknown services of which one target holds several containers: each is a component then. */
async function readSeveral(db: Db | Tx, { service = null }: { service?: string | null | undefined }): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ service: string }[]>`
    SELECT DISTINCT service FROM (
      SELECT c.service_name AS service FROM combinations c JOIN instances i ON i.combination_id = c.id
      WHERE c.desired_kind = 'none' AND c.service_id IS NULL AND c.service_name IS NOT NULL AND (${service}::text IS NULL OR c.service_name = ${service}::text)
      GROUP BY i.target_id, c.service_name HAVING count(DISTINCT i.component) > 1) several`;
  return new Set(rows.map((row) => row.service));
}

async function readImages(db: Db | Tx, ids: readonly bigint[]): Promise<{ images: Map<string, ObservedImage>; artifacts: Map<string, string[]>; linkedDigests: Set<string> }> {
  const rows = await db.$queryRaw<{ id: bigint; digests: ReportedDigest[]; reference: string | null }[]>`SELECT id, digests, reference FROM images WHERE id = ANY(${ids}::bigint[])`;
  const aliases = await db.$queryRaw<{ digest: string; artifacts: string[] }[]>`
    SELECT a.digest::text, array_agg(DISTINCT a.artifact_id::text) AS artifacts FROM artifact_digests a
    WHERE a.digest IN (SELECT digest FROM image_digests WHERE image_id = ANY(${ids}::bigint[])) GROUP BY a.digest`;
  const linked = await db.$queryRaw<{ digest: string }[]>`
    SELECT DISTINCT own.digest::text FROM image_digests own JOIN image_digests same ON same.digest = own.digest JOIN image_digests beside ON beside.image_id = same.image_id
    WHERE own.image_id = ANY(${ids}::bigint[]) AND EXISTS (SELECT FROM artifact_digests a WHERE a.digest = beside.digest)`;
  return {
    images: new Map(rows.map((row) => [row.id.toString(), { digests: row.digests, reference: row.reference }])),
    artifacts: new Map(aliases.map((row) => [row.digest, row.artifacts.sort()])),
    linkedDigests: new Set(linked.map(({ digest }) => digest)),
  };
}

async function readReleases(db: Db | Tx, { serviceIds, artifactIds }: { serviceIds: readonly string[]; artifactIds: readonly string[] }): Promise<KnownRelease[]> {
  const rows = await db.$queryRaw<ReleaseRow[]>`
    SELECT r.id::text, s.name::text AS service, r.version, r.registered_order, ${recalledSql("r.id")} AS recalled,
      (SELECT jsonb_agg(jsonb_build_object('name', c.name, 'artifactId', c.artifact_id)) FROM release_components c WHERE c.release_id = r.id) AS components,
      ARRAY(SELECT e.name::text FROM environments e WHERE e.retired_at IS NULL AND ${approvedSql("r.id", "e")}) AS approved_in,
      ARRAY(SELECT DISTINCT e.name::text FROM environments e JOIN approvals a ON a.environment_id = e.id WHERE a.release_id = r.id AND a.withdrawn_at IS NOT NULL) AS withdrawn_in
    FROM releases r JOIN services s ON s.id = r.service_id
    WHERE r.service_id = ANY(${serviceIds}::uuid[]) OR r.id IN (SELECT release_id FROM release_components WHERE artifact_id = ANY(${artifactIds}::uuid[]))`;
  return rows.map((row) => ({ id: row.id, service: row.service, version: row.version, order: Number(row.registered_order), components: row.components ?? [], recalled: row.recalled, approvedIn: row.approved_in, withdrawnIn: row.withdrawn_in }));
}

async function readRecalledArtifacts(db: Db | Tx, artifactIds: readonly string[]): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ id: string }[]>`SELECT artifact_id::text AS id FROM recalls WHERE artifact_id = ANY(${artifactIds}::uuid[]) AND lifted_at IS NULL`;
  return new Set(rows.map(({ id }) => id));
}

async function readDecided(db: Db | Tx, serviceIds: readonly string[]): Promise<Map<string, "assigned" | "rollout-running">> {
  const rows = await db.$queryRaw<{ service: string; environment: string; partition: string; rolling: boolean }[]>`
    SELECT s.name::text AS service, e.name::text AS environment, a.partition::text,
      EXISTS (SELECT FROM rollouts r WHERE r.service_id = a.service_id AND r.environment_id = a.environment_id AND r.partition = a.partition AND r.status IN ('planned', 'running', 'paused')) AS rolling
    FROM assignments a JOIN services s ON s.id = a.service_id JOIN environments e ON e.id = a.environment_id WHERE a.service_id = ANY(${serviceIds}::uuid[])`;
  return new Map(rows.map(({ rolling, ...place }) => [placeText(place), rolling ? "rollout-running" : "assigned"]));
}
