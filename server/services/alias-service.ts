import type { z } from "zod";
import type { aliasServiceRequest, ServiceNamesDto } from "@/lib/contract/services";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { describeNames, followNames, lockNames, NAMES_TIMEOUT_MS } from "./named-service";

/**
 * Makes another name mean a service: what carries it becomes the service's.
 * @throws AppError not-found; conflict when the name is a service's, or while a rollout is under way that would get targets by it
 */
export async function aliasService({ ctx, service, input }: { ctx: Ctx; service: string; input: z.output<typeof aliasServiceRequest> }): Promise<ServiceNamesDto> {
  authorise(ctx, "services.rename");
  return transact(
    ctx.db,
    async (tx) => {
      const [own, taken] = await lockNames(tx, [service, input.alias]);
      if (!own) throw notFound("service");
      if (taken?.id === own.id) throw new AppError("conflict", `${input.alias} means ${own.name} already.`, { type: "same-name" });
      if (taken) throw new AppError("conflict", `${input.alias} means ${taken.name}. To make one of both: plumbline service merge ${taken.name} ${own.name}.`, { type: "name-taken" });
      await tx.$executeRaw`INSERT INTO service_aliases (name, service_id, former) VALUES (${input.alias}, ${own.id}::uuid, false)`;
      await followNames(tx, own);
      const { seq } = await appendEntry(tx, ctx, { type: "service-aliased", serviceId: own.id, scope: { service: own.name, environment: null }, payload: { service: own.name, alias: input.alias }, texts: { reason: input.reason } });
      return describeNames(tx, own.id, seq);
    },
    { timeoutMs: NAMES_TIMEOUT_MS },
  );
}
