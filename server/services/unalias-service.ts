import type { z } from "zod";
import type { ServiceNamesDto, unaliasServiceRequest } from "@/lib/contract/services";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { describeNames, followNames, lockNames, NAMES_TIMEOUT_MS } from "./named-service";

/**
 * Lets a name that was added to a service mean it no longer: what carries it is by itself again, as if it had never been said.
 * @throws AppError not-found; conflict when the name is not one more name of the service, when it was a service's own
 * name (entries of the ledger are written under it), or while a rollout is under way that would lose targets by it
 */
export async function unaliasService({ ctx, service, input }: { ctx: Ctx; service: string; input: z.output<typeof unaliasServiceRequest> }): Promise<ServiceNamesDto> {
  authorise(ctx, "services.rename");
  return transact(
    ctx.db,
    async (tx) => {
      const [own, meant] = await lockNames(tx, [service, input.alias]);
      if (!own) throw notFound("service");
      if (meant?.id !== own.id) throw new AppError("conflict", `${input.alias} does not mean ${own.name}.`, { type: "no-alias" });
      const [alias] = await tx.$queryRaw<{ former: boolean }[]>`SELECT former FROM service_aliases WHERE name = ${input.alias} AND service_id = ${own.id}::uuid`;
      if (!alias) throw new AppError("conflict", `${own.name} is its own name. To call it something else: plumbline service rename ${own.name} …`, { type: "own-name" });
      if (alias.former) throw new AppError("conflict", `${input.alias} was a service's own name: decisions in the ledger are written under it, so it goes on meaning ${own.name}.`, { type: "former-name" });
      await tx.$executeRaw`DELETE FROM service_aliases WHERE name = ${input.alias} AND service_id = ${own.id}::uuid`;
      await followNames(tx, own);
      const { seq } = await appendEntry(tx, ctx, { type: "service-unaliased", serviceId: own.id, scope: { service: own.name, environment: null }, payload: { service: own.name, alias: input.alias }, texts: { reason: input.reason } });
      return describeNames(tx, own.id, seq);
    },
    { timeoutMs: NAMES_TIMEOUT_MS },
  );
}
