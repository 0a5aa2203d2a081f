import { randomUUID } from "node:crypto";
import type { AdoptionReceipt } from "@/lib/contract/adoption";
import type { AdoptedArtifact } from "@/lib/domain/drift/identify-images";
import { normalizeRepository } from "@/lib/domain/fleet/repository";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { remapCombinations } from "@/server/mapping/remap-combinations";
import { coverTargets, moveInstances, refreshPlaces } from "./cover-places";
import type { Adoptable } from "./read-adoption";

export type AdoptionIds = {
  /** Of known and new services, by name. */
  services: ReadonlyMap<string, string>;
  /** In the order of the plan's releases. */
  releases: readonly string[];
};
type Adoption = { adoptable: Adoptable; ids: AdoptionIds; seq: bigint; at: Date };

/** Writes what an adoption's entry says, and brings verdicts, counts and findings up to date; the caller holds the locks. */
export async function writeAdoption(tx: Tx, ctx: Ctx, adoption: Adoption): Promise<AdoptionReceipt> {
  const { adoptable, ids, seq, at } = adoption;
  const { plan } = adoptable;
  const services = [...new Set(plan.releases.flatMap(({ service }) => ids.services.get(service) ?? []))];
  const leftOut = plan.leftOut.reduce((sum, { instances }) => sum + instances, 0);
  await tx.$executeRaw`
    INSERT INTO adoptions (entry_seq, actor_id, services, releases, places, instances, left_out)
    VALUES (${seq}, ${ctx.actor.id}::uuid, ${services.length}, ${plan.releases.length}, ${plan.places.length}, ${plan.places.reduce((sum, { instances }) => sum + instances, 0)}, ${leftOut})`;
  await storeServices(tx, adoption);
  await storeReleases(tx, ctx, adoption);
  await storeAssignments(tx, ctx, adoption);

  await nameServices(tx, services);
  const targets = await coverTargets(tx, { seq, at });
  await remapOthers(tx, adoption);
  const instances = await moveInstances(tx, { seq, at });
  const touched = await tx.$queryRaw<{ id: bigint }[]>`
    SELECT c.id FROM combinations c WHERE c.service_id = ANY(${services}::uuid[])
      OR c.image_id IN (SELECT i.image_id FROM release_components rc JOIN artifact_digests a ON a.artifact_id = rc.artifact_id JOIN image_digests i ON i.digest = a.digest WHERE rc.release_id = ANY(${ids.releases}::uuid[]))`;
  await rejudgeCombinations(tx, { combinationIds: touched.map(({ id }) => id) }, { now: at });
  await refreshPlaces(tx, { seq, at });
  await tellOthers(tx, adoption);
  return { entry: Number(seq), at: at.toISOString(), services: services.length, releases: plan.releases.length, places: plan.places.length, targets, instances, leftOut };
}

async function storeServices(tx: Tx, { adoptable, ids, seq }: Adoption): Promise<void> {
  const { plan, serviceIds, environmentIds } = adoptable;
  const fresh = [...ids.services].filter(([name]) => !serviceIds.has(name));
  await tx.$executeRaw`
    INSERT INTO services (id, name, entry_seq) SELECT n.id, n.name, ${seq} FROM unnest(${fresh.map(([, id]) => id)}::uuid[], ${fresh.map(([name]) => name)}::text[]) n(id, name)`;
  await tx.$executeRaw`
    INSERT INTO partitions (service_id, environment_id, name)
    SELECT s, e.id, 'default' FROM unnest(${fresh.map(([, id]) => id)}::uuid[]) s, environments e WHERE e.retired_at IS NULL`;
  // Rules may put copies into partitions that nobody declared; they come after those that somebody did.
  await tx.$executeRaw`
    INSERT INTO partitions AS p (service_id, environment_id, name, ordinal)
    SELECT n.service_id, n.environment_id, n.name, CASE WHEN n.name = 'default' THEN 0 ELSE
      coalesce((SELECT max(o.ordinal) FROM partitions o WHERE o.service_id = n.service_id AND o.environment_id = n.environment_id), 0) + row_number() OVER (PARTITION BY n.service_id, n.environment_id ORDER BY n.name) END
    FROM unnest(${plan.places.map(({ service }) => ids.services.get(service) ?? null)}::uuid[], ${plan.places.map(({ environment }) => environmentIds.get(environment) ?? null)}::uuid[],
      ${plan.places.map(({ partition }) => partition)}::text[]) n(service_id, environment_id, name)
    ON CONFLICT (service_id, environment_id, name) DO NOTHING`;
}

type NewArtifact = Exclude<AdoptedArtifact, { known: string }>;

async function storeReleases(tx: Tx, ctx: Ctx, { adoptable, ids, seq, at }: Adoption): Promise<void> {
  const releases = adoptable.plan.releases.flatMap((release, position) => (release.known === null ? [{ ...release, id: ids.releases[position] ?? "", position }] : []));
  const artifactIds = await storeArtifacts(tx, releases.flatMap(({ components }) => components.flatMap(({ artifact }) => ("known" in artifact ? [] : [artifact]))));
  await tx.$executeRaw`
    INSERT INTO releases (id, service_id, version, registered_by, registered_at, entry_seq, ordinal, adopted)
    SELECT n.id, n.service_id, n.version, ${ctx.actor.id}::uuid, ${at}, ${seq}, n.ordinal, true
    FROM unnest(${releases.map(({ id }) => id)}::uuid[], ${releases.map(({ service }) => ids.services.get(service) ?? null)}::uuid[], ${releases.map(({ version }) => version)}::text[],
      ${releases.map(({ position }) => position)}::int[]) n(id, service_id, version, ordinal)`;
  await tx.$executeRaw`
    INSERT INTO release_people (release_id, person_id, part) SELECT n.id, ${ctx.actor.personId}::uuid, 'registrant' FROM unnest(${releases.map(({ id }) => id)}::uuid[]) n(id)`;
  const components = releases.flatMap(({ id, components: all }) => all.map(({ name, artifact, repository, reference }) => ({ id, name, artifactId: "known" in artifact ? artifact.known : (artifactIds.get(artifact.digest) ?? null), repository, reference })));
  await tx.$executeRaw`
    INSERT INTO release_components (release_id, name, artifact_id, repository, reference)
    SELECT * FROM unnest(${components.map(({ id }) => id)}::uuid[], ${components.map(({ name }) => name)}::text[], ${components.map(({ artifactId }) => artifactId)}::uuid[],
      ${components.map(({ repository }) => repository)}::text[], ${components.map(({ reference }) => reference)}::text[])`;
  await tx.$executeRaw`
    INSERT INTO artifact_repositories (repository, artifact_id, service_id)
    SELECT DISTINCT c.repository, c.artifact_id, r.service_id FROM release_components c JOIN releases r ON r.id = c.release_id
    WHERE c.release_id = ANY(${releases.map(({ id }) => id)}::uuid[]) AND c.repository IS NOT NULL ON CONFLICT DO NOTHING`;
}

/** The ids by digest. Who registered the same bytes meanwhile proved them: reports add nothing to those. */
async function storeArtifacts(tx: Tx, artifacts: readonly NewArtifact[]): Promise<Map<string, string>> {
  const distinct = [...new Map(artifacts.map((artifact) => [artifact.digest, { ...artifact, id: randomUUID() }])).values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const made = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO artifacts (id, kind, digest) SELECT * FROM unnest(${distinct.map(({ id }) => id)}::uuid[], ${distinct.map(({ kind }) => kind)}::text[], ${distinct.map(({ digest }) => digest)}::text[])
    ON CONFLICT (digest) DO NOTHING RETURNING id::text`;
  const own = new Set(made.map(({ id }) => id));
  const aliases = distinct.filter(({ id }) => own.has(id)).flatMap(({ id, digests }) => digests.map((alias) => ({ id, ...alias })));
  await tx.$executeRaw`
    INSERT INTO artifact_digests (digest, artifact_id, kind)
    SELECT * FROM unnest(${aliases.map(({ digest }) => digest)}::text[], ${aliases.map(({ id }) => id)}::uuid[], ${aliases.map(({ kind }) => kind)}::text[])`;
  const rows = await tx.$queryRaw<{ id: string; digest: string }[]>`SELECT id::text, digest::text FROM artifacts WHERE digest = ANY(${distinct.map(({ digest }) => digest)}::text[])`;
  return new Map(rows.map(({ id, digest }) => [digest, id]));
}

async function storeAssignments(tx: Tx, ctx: Ctx, { adoptable, ids, seq, at }: Adoption): Promise<void> {
  const { plan, environmentIds } = adoptable;
  const places = plan.places.map(({ service, environment, partition, release, approves }) => ({
    service: ids.services.get(service) ?? null,
    environment: environmentIds.get(environment) ?? null,
    partition,
    release: ids.releases[release] ?? null,
    approves,
  }));
  const approved = places.filter(({ approves }) => approves);
  await tx.$executeRaw`
    INSERT INTO approvals (release_id, environment_id, actor_id, person_id, entry_seq, adopted)
    SELECT DISTINCT n.release_id, n.environment_id, ${ctx.actor.id}::uuid, ${ctx.actor.personId}::uuid, ${seq}::bigint, true
    FROM unnest(${approved.map(({ release }) => release)}::uuid[], ${approved.map(({ environment }) => environment)}::uuid[]) n(release_id, environment_id)`;
  await tx.$executeRaw`
    INSERT INTO assignments (service_id, environment_id, partition, release_id, entry_seq, updated_at)
    SELECT n.*, ${seq}::bigint, ${at}::timestamptz FROM unnest(${places.map(({ service }) => service)}::uuid[], ${places.map(({ environment }) => environment)}::uuid[], ${places.map(({ partition }) => partition)}::text[],
      ${places.map(({ release }) => release)}::uuid[]) n`;
}

/** What carried the names of these services as text belongs to them from now on. */
async function nameServices(tx: Tx, services: readonly string[]): Promise<void> {
  await tx.$executeRaw`UPDATE combinations c SET service_id = s.id FROM services s WHERE s.id = ANY(${services}::uuid[]) AND c.service_name = s.name AND c.service_id IS NULL`;
  await tx.$executeRaw`UPDATE targets t SET service_id = s.id FROM services s WHERE s.id = ANY(${services}::uuid[]) AND t.service_name = s.name AND t.service_id IS NULL`;
  await tx.$executeRaw`
    UPDATE findings f SET service_id = s.id FROM services s WHERE s.id = ANY(${services}::uuid[]) AND f.service_name = s.name AND f.service_id IS NULL AND f.resolved_at IS NULL`;
}

/**
 * Maps anew what the new names may move: containers that are components of their own now, and those of other services that
 * run an image of these repositories.
 */
async function remapOthers(tx: Tx, { adoptable, ids, at }: Adoption): Promise<void> {
  const { releases } = adoptable.plan;
  const several = [...new Set(releases.filter(({ components }) => components.some(({ name }) => name !== "main")).flatMap(({ service }) => ids.services.get(service) ?? []))];
  const owned = releases.flatMap(({ service, components }) => components.flatMap(({ repository }) => (repository === null ? [] : [{ repository: normalizeRepository(repository), service: ids.services.get(service) ?? null }])));
  const owners = [...new Map(owned.map((one) => [`${one.repository} ${one.service}`, one])).values()];
  const rows = await tx.$queryRaw<{ id: bigint }[]>`
    SELECT c.id FROM combinations c JOIN images i ON i.id = c.image_id
    WHERE EXISTS (SELECT FROM combination_counts k WHERE k.combination_id = c.id)
      AND (c.service_id = ANY(${several}::uuid[])
        OR (i.repositories && ${[...new Set(owners.map(({ repository }) => repository))]}::text[] AND NOT EXISTS (
          SELECT FROM unnest(${owners.map(({ repository }) => repository)}::text[], ${owners.map(({ service }) => service)}::uuid[]) o(repository, service_id)
          WHERE o.service_id = c.service_id AND o.repository = ANY(i.repositories))))`;
  if (rows.length > 0) await remapCombinations(tx, rows.map(({ id }) => id), { now: at });
}

async function tellOthers(tx: Tx, { adoptable, ids }: Adoption): Promise<void> {
  const { plan, environmentIds } = adoptable;
  const places = new Map(plan.places.map(({ service, environment }) => [`${service} ${environment}`, { serviceId: ids.services.get(service) ?? null, serviceName: service, environmentId: environmentIds.get(environment) ?? null }]));
  await recordChanges(tx, [...places.values()].flatMap((place) => (["fleet", "findings", "assignment", "release"] as const).map((topic) => ({ topic, ...place }))));
}
