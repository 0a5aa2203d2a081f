import type { z } from "zod";
import type { AuthorityDto, putAuthorityRequest } from "@/lib/contract/authority";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { isKnownPlace, lockPlace, readPlace, type KnownPlace } from "@/server/rollouts/read-place";

/** A word for all partitions: none is called so. */
const ALL = "*";

type Row = { partition: string; authority: "plumbline" | "external"; entry_seq: bigint; decided_at: Date };

/**
 * Decides who decides at a place: Plumbline, or others whose rollouts it then follows. A word for all partitions takes back
 * what was said for single ones. What is under way goes on; saying the same again is no new decision.
 * @throws AppError not-found
 */
export async function putAuthority({ ctx, input }: { ctx: Ctx; input: z.output<typeof putAuthorityRequest> }): Promise<AuthorityDto> {
  authorise(ctx, "authority.write", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    const place = await readPlace(tx, { ...input, partition: input.partition ?? "default" }, { ctx, verb: "authority.write" });
    if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
    if (!place.partitionKnown) throw notFound("partition");
    await lockPlace(tx, place);
    const partition = input.partition ?? ALL;
    const said = await readSaid(tx, place);
    const general = said.find((row) => row.partition === ALL);
    const inForce = said.find((row) => row.partition === partition) ?? general;
    const same = (inForce?.authority ?? "plumbline") === input.authority && (partition !== ALL || said.every((row) => row.authority === input.authority));
    if (same) return describe(place, input, inForce ?? null);

    const { service, environment } = place;
    const scope = { serviceId: service.id, serviceName: service.name, environmentId: environment.id };
    if (partition === ALL) await tx.$executeRaw`DELETE FROM authorities WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition <> ${ALL}`;
    await recordChanges(tx, [{ topic: "assignment", ...scope, key: input.partition ?? null }, { topic: "settings", ...scope }]);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "authority-changed",
      serviceId: service.id,
      environmentId: environment.id,
      scope: { service: service.name, environment: environment.name },
      payload: { partition: input.partition ?? null, authority: input.authority },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`
      INSERT INTO authorities (service_id, environment_id, partition, authority, actor_id, entry_seq, decided_at)
      VALUES (${service.id}::uuid, ${environment.id}::uuid, ${partition}, ${input.authority}, ${ctx.actor.id}::uuid, ${seq}, ${at})
      ON CONFLICT (service_id, environment_id, partition) DO UPDATE SET authority = excluded.authority, actor_id = excluded.actor_id, entry_seq = excluded.entry_seq, decided_at = excluded.decided_at`;
    return describe(place, input, { partition, authority: input.authority, entry_seq: seq, decided_at: at });
  });
}

/** The general word is locked by whoever changes any: two that speak of different partitions take turns. */
async function readSaid(tx: Tx, { service, environment }: KnownPlace): Promise<Row[]> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`plumbline.authority ${service.id} ${environment.id}`}, 0))`;
  return tx.$queryRaw<Row[]>`
    SELECT partition, authority, entry_seq, decided_at FROM authorities WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid`;
}

function describe({ service, environment }: KnownPlace, input: Pick<z.output<typeof putAuthorityRequest>, "partition" | "authority">, row: Row | null): AuthorityDto {
  return {
    service: service.name,
    environment: environment.name,
    partition: input.partition ?? null,
    authority: input.authority,
    entry: row && Number(row.entry_seq),
    at: row?.decided_at.toISOString() ?? null,
  };
}
