import type { z } from "zod";
import type { mergeServiceRequest, ServiceNamesDto } from "@/lib/contract/services";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { describeNames, followNames, lockNames, NAMES_TIMEOUT_MS, refuseMoving, type NamedService } from "./named-service";

type Conflict = { environment: string; partition: string; version: string; other: string | null };

/**
 * Makes one service of two: all names of the one mean the other, what runs of it is the other's, and so are its releases
 * where it is judged what runs. Nothing may have to change on a host for it.
 * @throws AppError not-found; conflict while rollouts of either are under way, and where the one is assigned what the other is not
 */
export async function mergeService({ ctx, service, input }: { ctx: Ctx; service: string; input: z.output<typeof mergeServiceRequest> }): Promise<ServiceNamesDto> {
  authorise(ctx, "services.rename");
  return transact(
    ctx.db,
    async (tx) => {
      const [first, second] = await lockNames(tx, [service, input.into]);
      const from = await refuseMoving(tx, first);
      const into = await refuseMoving(tx, second);
      if (from.id === into.id) throw new AppError("conflict", `${service} and ${input.into} are one service already.`, { type: "same-service" });
      const conflicts = await readConflicts(tx, from, into);
      if (conflicts.length > 0) {
        const sentences = conflicts.map(({ environment, partition, version, other }) => `${from.name} is assigned ${version} in ${environment}${partition === "default" ? "" : `, ${partition}`}, and ${into.name} ${other === null ? "nothing" : `${other}, which is other bytes`}.`);
        throw new AppError("conflict", `${sentences.slice(0, 5).join(" ")} Register and assign the same bytes as ${into.name} first.`, { type: "assignments-conflict", reasons: sentences.map((sentence) => ({ reason: "assignments-conflict", sentence })) });
      }
      // The name is free for the other; the row keeps what happened under it.
      const [kept] = await tx.$queryRaw<{ name: string }[]>`
        UPDATE services SET merged_into = ${into.id}::uuid, name = left(name, 47) || '.merged-' || left(id::text, 8) WHERE id = ${from.id}::uuid RETURNING name::text`;
      await tx.$executeRaw`UPDATE service_aliases SET service_id = ${into.id}::uuid WHERE service_id = ${from.id}::uuid`;
      await tx.$executeRaw`INSERT INTO service_aliases (name, service_id) VALUES (${from.name}, ${into.id}::uuid)`;
      await followNames(tx, into);
      const { seq, at } = await appendEntry(tx, ctx, { type: "service-merged", serviceId: into.id, scope: { service: into.name, environment: null }, payload: { from: from.name, into: into.name, kept: kept?.name ?? null }, texts: { reason: input.reason } });
      await tx.$executeRaw`UPDATE assignments SET release_id = NULL, entry_seq = ${seq}, revision = revision + 1, updated_at = ${at} WHERE service_id = ${from.id}::uuid AND release_id IS NOT NULL`;
      return describeNames(tx, into.id, seq);
    },
    { timeoutMs: NAMES_TIMEOUT_MS },
  );
}

/** Places where the one is assigned something and the other is not assigned the same artifacts. */
async function readConflicts(tx: Tx, from: NamedService, into: NamedService): Promise<Conflict[]> {
  return tx.$queryRaw<Conflict[]>`
    SELECT e.name::text AS environment, a.partition::text, r.version, o.version AS other
    FROM assignments a JOIN releases r ON r.id = a.release_id JOIN environments e ON e.id = a.environment_id
    LEFT JOIN assignments b ON b.service_id = ${into.id}::uuid AND b.environment_id = a.environment_id AND b.partition = a.partition LEFT JOIN releases o ON o.id = b.release_id
    WHERE a.service_id = ${from.id}::uuid
      AND ARRAY(SELECT c.artifact_id FROM release_components c WHERE c.release_id = a.release_id ORDER BY 1) <> ARRAY(SELECT c.artifact_id FROM release_components c WHERE c.release_id = b.release_id ORDER BY 1)
    ORDER BY e.ordinal, a.partition LIMIT 50`;
}
