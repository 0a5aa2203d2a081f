import type { z } from "zod";
import type { PartitionDto, PartitionsDto, partitionsQuery } from "@/lib/contract/partitions";
import { partitionsToken } from "@/lib/domain/fleet/partitions";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { readReleases, refOf } from "@/server/drift/read-references";
import { notFound } from "@/server/errors";
import { loadPins, refOfPin } from "@/server/policies/list-pins";
import { isKnownPlace, readPlace } from "@/server/rollouts/read-place";
import { readPartitionRows, type Site } from "./read-partitions";

/** The partitions of a service in an environment, in order, with what is assigned to each. @throws AppError not-found */
export async function listPartitions({ ctx, input }: { ctx: Ctx; input: z.output<typeof partitionsQuery> }): Promise<PartitionsDto> {
  authorise(ctx, "fleet.read", { service: input.service, environment: input.environment });
  const place = await readPlace(ctx.db, { ...input, partition: "default" }, { ctx, verb: "fleet.read" });
  if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
  return loadPartitions(ctx.db, place);
}

/** The same for whoever has asked already. */
export async function loadPartitions(db: Db | Tx, { service, environment }: Site): Promise<PartitionsDto> {
  const rows = await readPartitionRows(db, { service, environment });
  const counts = await db.$queryRaw<{ partition: string; targets: number; instances: number }[]>`
    SELECT partition, sum(targets)::int AS targets, sum(instances)::int AS instances FROM (
      SELECT partition::text AS partition, count(*) AS targets, 0 AS instances FROM targets WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND gone_at IS NULL GROUP BY 1
      UNION ALL
      SELECT c.partition, 0, sum(k.instances) FROM combinations c JOIN combination_counts k ON k.combination_id = c.id WHERE c.service_id = ${service.id}::uuid AND c.environment_id = ${environment.id}::uuid GROUP BY 1) n
    GROUP BY partition`;
  const [decided] = await db.$queryRaw<{ seq: bigint }[]>`
    SELECT seq FROM ledger_entries WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND type = 'partitions-changed' ORDER BY seq DESC LIMIT 1`;
  const releases = await readReleases(db, rows.map((row) => row.release_id));
  const pins = new Map((await loadPins(db, { ids: rows.flatMap((row) => row.pin_id ?? []) })).map((pin) => [pin.id, refOfPin(pin)]));
  return {
    service: service.name,
    environment: environment.name,
    partitions: rows.map((row): PartitionDto => {
      const here = counts.find(({ partition }) => partition === row.name);
      return {
        name: row.name,
        selector: row.selector,
        targets: here?.targets ?? 0,
        instances: here?.instances ?? 0,
        assigned: refOf(releases.get(row.release_id ?? "")),
        held: row.hold_id !== null,
        pin: pins.get(row.pin_id ?? "") ?? null,
        rollout: row.rollout_id === null ? null : { id: row.rollout_id, number: Number(row.rollout) },
      };
    }),
    revision: partitionsToken(rows),
    entry: decided ? Number(decided.seq) : null,
  };
}
