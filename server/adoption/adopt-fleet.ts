import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { AdoptionReceipt, adoptionRequest } from "@/lib/contract/adoption";
import { describeAdoptionChanges, isRevision } from "@/lib/domain/drift/adoption-revision";
import type { AdoptionPlan } from "@/lib/domain/drift/plan-adoption";
import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { lockVerdicts } from "@/server/drift/rejudge";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { explainUnadoptable, readAdoption, type Adoptable } from "./read-adoption";
import { writeAdoption, type AdoptionIds } from "./write-adoption";

/** Everything that one adoption may hold is written together. */
const TIMEOUT_MS = 120_000;

/**
 * Takes what runs without a decision as it is: releases, approvals and assignments by one ledger entry, which names the exact
 * digests and what was left out. Nobody is told to run anything, and four eyes do not apply: nothing changes but what is known.
 * @throws AppError conflict with `changed` when the fleet moved since the preview, unprocessable when there is nothing to
 * adopt or more than one adoption holds, forbidden, not-found
 */
export async function adoptFleet({ ctx, input }: { ctx: Ctx; input: z.output<typeof adoptionRequest> }): Promise<AdoptionReceipt> {
  authorise(ctx, "fleet.adopt", { ...(input.service !== undefined && { service: input.service }), ...(input.environment !== undefined && { environment: input.environment }) });
  refuseSecrets({ reason: input.reason });
  return transact(
    ctx.db,
    async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.adoption', 0))`;
      const seen = await readAdoption(tx, input);
      refuseMoved(input.revision, seen.plan);
      await lockPlaces(tx, seen);
      // What was decided while the locks were waited for is seen now.
      const adoptable = await readAdoption(tx, input);
      refuseMoved(input.revision, adoptable.plan);
      const refusal = explainUnadoptable(adoptable.plan);
      if (refusal) throw new AppError("unprocessable", refusal, { type: adoptable.plan.places.length === 0 ? "nothing-to-adopt" : "too-many" });

      await lockVerdicts(tx);
      // Reports wait: none of them may put a copy where this decision looked already.
      await tx.$executeRaw`LOCK TABLE agent_scopes IN SHARE ROW EXCLUSIVE MODE`;
      const ids = makeIds(adoptable);
      const { seq, at } = await appendEntry(tx, ctx, {
        type: "adopted",
        serviceId: input.service === undefined ? null : (ids.services.get(input.service) ?? null),
        environmentId: input.environment === undefined ? null : (adoptable.environmentIds.get(input.environment) ?? null),
        scope: { service: input.service ?? null, environment: input.environment ?? null },
        payload: describe(adoptable.plan, ids),
        texts: { reason: input.reason },
      });
      return writeAdoption(tx, ctx, { adoptable, ids, seq, at });
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

function refuseMoved(revision: string, plan: AdoptionPlan): void {
  if (isRevision(revision, plan)) return;
  throw new AppError("conflict", "The fleet is not what the preview showed. Look at it again.", { type: "changed", changed: describeAdoptionChanges(revision, plan) });
}

/** In the one order: the names, their services, the mapping, the places; each kind sorted, so that two decisions never wait for each other. */
async function lockPlaces(tx: Tx, { plan, serviceIds, environmentIds }: Adoptable): Promise<void> {
  const names = [...new Set(plan.places.map(({ service }) => service))];
  await tx.$executeRaw`
    SELECT pg_advisory_xact_lock(k.id) FROM (SELECT DISTINCT hashtextextended('plumbline.service:' || name, 0) AS id FROM unnest(${names}::text[]) n(name) ORDER BY 1) k`;
  const known = [...serviceIds.values()];
  await tx.$executeRaw`SELECT 1 FROM services WHERE id = ANY(${known}::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
  // Whose a container is stays what the preview said: rules and names change before or after.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.mapping', 0))`;
  const environments = [...new Set(plan.places.flatMap(({ environment }) => environmentIds.get(environment) ?? []))];
  await tx.$executeRaw`
    INSERT INTO partitions (service_id, environment_id, name)
    SELECT s, e, 'default' FROM unnest(${known}::uuid[]) s, unnest(${environments}::uuid[]) e ORDER BY 1, 2 ON CONFLICT DO NOTHING`;
  await tx.$executeRaw`
    SELECT 1 FROM partitions WHERE service_id = ANY(${known}::uuid[]) AND environment_id = ANY(${environments}::uuid[]) ORDER BY service_id, environment_id, name FOR NO KEY UPDATE`;
}

/** Made before the entry, which names them. */
function makeIds({ plan, serviceIds }: Adoptable): AdoptionIds {
  const services = new Map(serviceIds);
  for (const { service } of plan.releases) if (!services.has(service)) services.set(service, randomUUID());
  return { services, releases: plan.releases.map(({ known }) => known ?? randomUUID()) };
}

function describe(plan: AdoptionPlan, { releases }: AdoptionIds): JsonObject {
  return {
    releases: plan.releases.map(({ service, version, known, components }, at) => ({
      release: releases[at] ?? "",
      service,
      version,
      registered: known !== null,
      components: components.map(({ name, repository, digest, artifact }) => ({
        name,
        repository: repository ?? service,
        digests: "known" in artifact ? [digest] : artifact.digests.map((one) => one.digest),
      })),
    })),
    places: plan.places.map(({ service, environment, partition, release, approves, instances }) => ({ service, environment, partition, release: releases[release] ?? "", approves, instances })),
    leftOut: plan.leftOut.map(({ service, environment, partition, component, reason, digest, instances }) => ({ service, environment, partition, component, reason, digest, instances })),
  };
}
