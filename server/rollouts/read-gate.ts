import type { z } from "zod";
import type { GateDto, gateQuery } from "@/lib/contract/gate";
import { decideGate } from "@/lib/domain/rollout/gate";
import { explainReason } from "@/lib/domain/rollout/reasons";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { adoptedMark } from "@/server/drift/read-references";
import { pinnedSql } from "@/server/policies/pin-sql";
import { readFreeze } from "@/server/policies/read-freeze";
import { readReleasesHere } from "./read-decision";
import { isKnownPlace, readPlace, type KnownPlace } from "./read-place";

type HoldRow = { id: string | null; entry_seq: bigint | null; pin_entry: bigint | null; pin_reason: string | null; pin_until: Date | null; now: Date };
type ForeignRow = { id: string; version: string; service_id: string; service_name: string; registered_order: bigint };

/**
 * Whether a digest may be deployed at a place now, with every reason against it. A digest, never a tag or a version: who
 * asks has bytes in hand. Nothing is written.
 */
export async function readGate({ ctx, input }: { ctx: Ctx; input: z.output<typeof gateQuery> }): Promise<GateDto> {
  authorise(ctx, "rollouts.read", { service: input.service, environment: input.environment });
  const place = await readPlace(ctx.db, input, { ctx, verb: "rollouts.read" });
  const named = await ctx.db.$queryRaw<ForeignRow[]>`
    SELECT DISTINCT r.id, r.version, r.service_id, s.name::text AS service_name, r.registered_order FROM artifact_digests d
    JOIN release_components c ON c.artifact_id = d.artifact_id JOIN releases r ON r.id = c.release_id JOIN services s ON s.id = r.service_id
    WHERE d.digest = ${input.digest} ORDER BY r.registered_order DESC LIMIT 200`;
  const here = isKnownPlace(place) ? await readReleasesHere(ctx.db, place, { ids: named.map(({ id }) => id) }) : [];
  const known = new Set(here.map(({ id }) => id));
  const elsewhere = named.filter(({ id }) => !known.has(id)).map((row) => ({ id: row.id, version: row.version, serviceId: row.service_id, serviceName: row.service_name, registeredSeq: Number(row.registered_order), approvedHere: false, recalled: false, ranHere: false, assignedHere: false }));
  const { hold, freeze, pin, now } = isKnownPlace(place) ? await readPolicy(ctx, place) : { hold: null, freeze: null, pin: null, now: new Date() };
  const verdict = decideGate({
    service: place.service,
    environment: place.environment,
    partition: { name: place.names.partition, known: place.partitionKnown },
    releases: [...here, ...elsewhere],
    hold,
    freeze,
    pin,
  });
  return {
    allowed: verdict.ok,
    service: place.service?.name ?? input.service,
    environment: input.environment,
    partition: input.partition,
    digest: input.digest,
    version: verdict.version,
    ...adoptedMark(here.find(({ version }) => version === verdict.version)?.adopted),
    reasons: verdict.ok ? [] : verdict.reasons.map((reason) => ({ reason: reason.reason, sentence: explainReason(reason) })),
    asOf: now.toISOString(),
  };
}

async function readPolicy({ db }: Ctx, { service, environment, names }: KnownPlace): Promise<{ hold: { id: string; detail: string | null } | null; freeze: { name: string; until: string | null } | null; pin: { detail: string | null; until: string | null } | null; now: Date }> {
  const [row] = await db.$queryRaw<HoldRow[]>`
    SELECT h.id, h.entry_seq, n.entry_seq AS pin_entry, (SELECT x.text FROM ledger_texts x WHERE x.entry_seq = n.entry_seq AND x.field = 'reason') AS pin_reason, n.expires_at AS pin_until, clock_timestamp() AS now FROM (SELECT) one
    LEFT JOIN pins n ON n.service_id = ${service.id}::uuid AND n.environment_id = ${environment.id}::uuid AND n.partition = ${names.partition} AND ${pinnedSql("n")}
    LEFT JOIN holds h ON h.service_id = ${service.id}::uuid AND h.environment_id = ${environment.id}::uuid AND h.partition = ${names.partition} AND h.lifted_at IS NULL`;
  const now = row?.now ?? new Date();
  const freeze = await readFreeze(db, { environmentId: environment.id, serviceId: service.id }, now);
  return {
    hold: row?.id ? { id: row.id, detail: row.entry_seq === null ? null : `entry ${row.entry_seq}` } : null,
    freeze: freeze && { name: freeze.name, until: freeze.until?.toISOString() ?? null },
    pin: row?.pin_entry == null ? null : { detail: row.pin_reason ?? `entry ${row.pin_entry}`, until: row.pin_until?.toISOString() ?? null },
    now,
  };
}
