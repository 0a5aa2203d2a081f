import type { z } from "zod";
import type { registerReleaseRequest, ReleaseDto } from "@/lib/contract/releases";
import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { adoptServiceName } from "@/server/drift/adopt-service";
import { lockVerdicts, rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { findServiceId, lockService } from "./find-release";
import { loadReleases } from "./load-releases";
import { readManifests, type ReadArtifact } from "./read-manifests";

type Input = z.output<typeof registerReleaseRequest>;
type Component = Input["components"][number] & { artifact: ReadArtifact };

/**
 * Registers a service's version: its bytes (hashed here), where they came from and who made them. The service, and its
 * default partitions, come into being with its first release. Registering the same version with the same artifacts
 * again answers the release that is there.
 * @throws AppError unprocessable for manifests that do not fit their digest; conflict when the version has other artifacts
 */
export async function registerRelease({ ctx, input }: { ctx: Ctx; input: Input }): Promise<{ release: ReleaseDto; created: boolean }> {
  authorise(ctx, "releases.register", { service: input.service });
  const names = new Set(input.components.map((component) => component.name));
  if (names.size !== input.components.length) {
    throw new AppError("unprocessable", "Two components have the same name.", { fields: [{ path: "components", message: "must have different names" }] });
  }
  refuseSecrets({ sourceUrl: input.sourceUrl, ...Object.fromEntries(input.links.map((link, at) => [`links[${at}].url`, link.url])) });
  const components = input.components.map((component, at) => ({ ...component, artifact: readManifests(component, `components[${at}]`) }));

  return transact(ctx.db, async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`plumbline.service:${input.service}`}, 0))`;
    const known = await findServiceId(tx, input.service, { ctx, verb: "releases.register" });
    if (known !== null) {
      await lockService(tx, known, "decide");
      const same = await findSame(tx, known, input);
      if (same) return { release: same, created: false };
    }
    const people = await findPeople(tx, ctx, input);
    const artifacts = await storeArtifacts(tx, components);

    await lockVerdicts(tx);
    const serviceId = known ?? (await createService(tx, ctx, input.service));
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "release-registered",
      serviceId,
      scope: { service: input.service, environment: null },
      payload: describe(input, components),
      texts: { notes: input.notes },
    });
    const releaseId = await storeRelease(tx, ctx, { input, serviceId, seq, at });
    await tx.$executeRaw`
      INSERT INTO release_components (release_id, name, artifact_id, repository, reference)
      SELECT ${releaseId}::uuid, c.name, c.artifact::uuid, c.repository, c.reference
      FROM unnest(${components.map(({ name }) => name)}::text[], ${components.map(({ digest }) => artifacts.get(digest) ?? null)}::text[],
        ${components.map(({ repository }) => repository ?? null)}::text[], ${components.map(({ reference }) => reference ?? null)}::text[]) c(name, artifact, repository, reference)`;
    await tx.$executeRaw`
      INSERT INTO artifact_repositories (repository, artifact_id, service_id)
      SELECT repository, artifact_id, ${serviceId}::uuid FROM release_components WHERE release_id = ${releaseId}::uuid AND repository IS NOT NULL
      ON CONFLICT DO NOTHING`;
    await tx.$executeRaw`
      INSERT INTO release_people (release_id, person_id, part)
      SELECT ${releaseId}::uuid, p.person::uuid, p.part FROM unnest(${people.map(({ person }) => person)}::text[], ${people.map(({ part }) => part)}::text[]) p(person, part)
      ON CONFLICT DO NOTHING`;

    const repositories = [...new Set(components.flatMap(({ repository }) => repository ?? []))];
    await adoptServiceName(tx, { serviceId, name: input.service, repositories });
    await rejudgeCombinations(tx, { artifactIds: [...new Set(artifacts.values())] }, { now: at });
    await recordChanges(tx, [{ topic: "release", serviceId, serviceName: input.service, key: releaseId }]);
    const [release] = await loadReleases(tx, [releaseId]);
    if (!release) throw new Error("a release that was just registered is not there");
    return { release, created: true };
  });
}

/** The release of this version, when its artifacts are the same. @throws AppError conflict when they are not */
async function findSame(tx: Tx, serviceId: string, input: Input): Promise<ReleaseDto | null> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM releases WHERE service_id = ${serviceId}::uuid AND version = ${input.version}`;
  if (!row) return null;
  const [release] = await loadReleases(tx, [row.id]);
  const name = (component: { name: string; digest: string }): string => `${component.name} ${component.digest}`;
  const there = new Set(release?.components.map(name));
  if (release && there.size === input.components.length && input.components.every((component) => there.has(name(component)))) return release;
  throw new AppError("conflict", `${input.service} ${input.version} is registered already, with other artifacts. A release never changes: register another version.`, {
    type: "release-exists",
    fields: [{ path: "version", message: "is registered with other artifacts" }],
  });
}

async function storeArtifacts(tx: Tx, components: readonly Component[]): Promise<Map<string, string>> {
  const byDigest = [...new Map(components.map((component) => [component.digest, component])).values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  await tx.$executeRaw`
    INSERT INTO artifacts (kind, digest, media_type)
    SELECT * FROM unnest(${byDigest.map(({ artifact }) => artifact.kind)}::text[], ${byDigest.map(({ digest }) => digest)}::text[], ${byDigest.map(({ artifact }) => artifact.mediaType)}::text[])
    ON CONFLICT (digest) DO NOTHING`;
  const rows = await tx.$queryRaw<{ id: string; digest: string; kind: string }[]>`
    SELECT id, digest::text, kind FROM artifacts WHERE digest = ANY(${byDigest.map(({ digest }) => digest)}::text[])`;
  const ids = new Map(rows.map((row) => [row.digest, row.id]));
  for (const { digest, artifact } of byDigest) {
    if (rows.find((row) => row.digest === digest)?.kind !== artifact.kind) {
      throw new AppError("conflict", `${digest} is registered as something else than ${artifact.kind === "file" ? "a file" : "an image"}.`, { type: "artifact-kind" });
    }
  }
  const aliases = byDigest.flatMap(({ digest, artifact }) => artifact.aliases.map((alias) => ({ ...alias, artifactId: ids.get(digest) ?? null })));
  await tx.$executeRaw`
    INSERT INTO artifact_digests (digest, artifact_id, kind, platform)
    SELECT a.digest, a.artifact::uuid, a.kind, a.platform
    FROM unnest(${aliases.map(({ digest }) => digest)}::text[], ${aliases.map(({ artifactId }) => artifactId)}::text[], ${aliases.map(({ kind }) => kind)}::text[], ${aliases.map(({ platform }) => platform)}::text[]) a(digest, artifact, kind, platform)
    ON CONFLICT DO NOTHING`;
  return ids;
}

async function createService(tx: Tx, ctx: Ctx, name: string): Promise<string> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`SELECT gen_random_uuid()::text AS id`;
  if (!row) throw new Error("no id");
  const { seq } = await appendEntry(tx, ctx, { type: "service-registered", serviceId: row.id, scope: { service: name, environment: null }, payload: { service: name } });
  await tx.$executeRaw`INSERT INTO services (id, name, entry_seq) VALUES (${row.id}::uuid, ${name}, ${seq})`;
  await tx.$executeRaw`
    INSERT INTO partitions (service_id, environment_id, name) SELECT ${row.id}::uuid, id, 'default' FROM environments WHERE retired_at IS NULL AND kind = 'permanent'`;
  return row.id;
}

async function storeRelease(tx: Tx, ctx: Ctx, { input, serviceId, seq, at }: { input: Input; serviceId: string; seq: bigint; at: Date }): Promise<string> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO releases (service_id, version, kind, settings_digest, commits, built_at, authors, triggered_by, tickets, source_url, links, migrations, registered_by, registered_at, entry_seq)
    VALUES (${serviceId}::uuid, ${input.version}, ${input.kind}, ${input.settingsDigest ?? null}, ${jsonOrNull(input.commits)}::jsonb, ${input.builtAt ?? null}::timestamptz,
      ${input.authors}::text[], ${input.triggeredBy ?? null}, ${input.tickets}::text[], ${input.sourceUrl ?? null}, ${JSON.stringify(input.links)}::jsonb,
      ${jsonOrNull(input.migrations)}::jsonb, ${ctx.actor.id}::uuid, ${at}, ${seq})
    RETURNING id`;
  if (!row) throw new Error("no id");
  return row.id;
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** Who cannot approve it: the person who registers, and authors and trigger whose address belongs to somebody here. */
async function findPeople(tx: Tx, ctx: Ctx, input: Input): Promise<{ person: string; part: string }[]> {
  const addresses = input.authors.map((author) => ({ address: addressOf(author), part: "author" }));
  if (input.triggeredBy) addresses.push({ address: addressOf(input.triggeredBy), part: "trigger" });
  const rows = await tx.$queryRaw<{ person: string; part: string }[]>`
    SELECT a.id AS person, n.part FROM unnest(${addresses.map(({ address }) => address)}::text[], ${addresses.map(({ part }) => part)}::text[]) n(address, part)
    JOIN actors a ON lower(a.email) = n.address AND a.kind = 'person'`;
  return [{ person: ctx.actor.personId, part: "registrant" }, ...rows];
}

/** `Ada <ada@example.org>` and `ada@example.org` are one address. */
function addressOf(name: string): string {
  return (/<([^<>\s]+)>\s*$/.exec(name)?.[1] ?? name).trim().toLowerCase();
}

/** What the ledger keeps. People are not in it: they may have to be forgotten. */
function describe(input: Input, components: readonly Component[]): JsonObject {
  return {
    service: input.service,
    version: input.version,
    kind: input.kind,
    components: components.map(({ name, repository, reference, digest, artifact }) => ({
      name,
      repository: repository ?? null,
      reference: reference ?? null,
      digest,
      kind: artifact.kind,
      digests: artifact.aliases.map((alias) => ({ digest: alias.digest, kind: alias.kind, platform: alias.platform })),
    })),
    settingsDigest: input.settingsDigest ?? null,
    commits: input.commits ? { base: input.commits.base ?? null, head: input.commits.head, count: input.commits.count, firstAuthoredAt: input.commits.firstAuthoredAt ?? null } : null,
    builtAt: input.builtAt ?? null,
    tickets: input.tickets,
    sourceUrl: input.sourceUrl ?? null,
    migrations: input.migrations?.map(({ id, kind, compatibleBackTo, runbook }) => ({ id, kind, compatibleBackTo: compatibleBackTo ?? null, runbook: runbook ?? null })) ?? null,
  };
}
