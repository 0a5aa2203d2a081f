import type { z } from "zod";
import type { renameServiceRequest, ServiceNamesDto } from "@/lib/contract/services";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { describeNames, followNames, lockNames, NAMES_TIMEOUT_MS, refuseMoving, type NamedService } from "./named-service";

/**
 * Gives a service another name; the old one goes on meaning it. Releases, assignments and history are the service's and
 * follow. What already carries the new name becomes its.
 * @throws AppError not-found; conflict when the name is another service's, or while a rollout of it is under way
 */
export async function renameService({ ctx, service, input }: { ctx: Ctx; service: string; input: z.output<typeof renameServiceRequest> }): Promise<ServiceNamesDto> {
  // Roles are given for names: who changes one may have to do with all of them.
  authorise(ctx, "services.rename");
  return transact(
    ctx.db,
    async (tx) => {
      const [found, taken] = await lockNames(tx, [service, input.to]);
      const own = await refuseMoving(tx, found);
      if (own.name === input.to) throw new AppError("conflict", `${input.to} is its name already.`, { type: "same-name" });
      if (taken && taken.id !== own.id) throw new AppError("conflict", `${input.to} means ${taken.name} already. To make one of both: plumbline service merge ${own.name} ${taken.name}.`, { type: "name-taken" });
      await writeName(tx, own, input.to);
      await followNames(tx, { ...own, name: input.to });
      const { seq } = await appendEntry(tx, ctx, { type: "service-renamed", serviceId: own.id, scope: { service: input.to, environment: null }, payload: { from: own.name, to: input.to }, texts: { reason: input.reason } });
      return describeNames(tx, own.id, seq);
    },
    { timeoutMs: NAMES_TIMEOUT_MS },
  );
}

/** The name, and every row that repeats it; history before now keeps the name that it happened under. */
async function writeName(tx: Tx, { id, name }: NamedService, to: string): Promise<void> {
  await tx.$executeRaw`DELETE FROM service_aliases WHERE name = ${to} AND service_id = ${id}::uuid`;
  await tx.$executeRaw`UPDATE services SET name = ${to} WHERE id = ${id}::uuid`;
  await tx.$executeRaw`INSERT INTO service_aliases (name, service_id) VALUES (${name}, ${id}::uuid)`;
  // Of what ran under the new name before it was a name, a row may be there: the copies are moved to it afterwards.
  await tx.$executeRaw`
    UPDATE combinations c SET service_name = ${to} WHERE c.service_id = ${id}::uuid AND c.service_name <> ${to} AND NOT EXISTS (
      SELECT FROM combinations o WHERE o.service_name = ${to} AND o.environment_id = c.environment_id AND o.partition = c.partition AND o.component = c.component AND o.image_id = c.image_id AND o.desired_kind = c.desired_kind
        AND o.desired_release_id IS NOT DISTINCT FROM c.desired_release_id AND o.unexpected = c.unexpected AND o.mutated = c.mutated AND o.settings_digest IS NOT DISTINCT FROM c.settings_digest
        AND o.declared_matches IS NOT DISTINCT FROM c.declared_matches)`;
  await tx.$executeRaw`UPDATE targets SET service_name = ${to} WHERE service_id = ${id}::uuid AND service_name <> ${to}`;
  await tx.$executeRaw`UPDATE findings SET service_name = ${to} WHERE service_id = ${id}::uuid AND service_name <> ${to}`;
}
