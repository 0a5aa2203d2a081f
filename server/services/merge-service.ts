import type { z } from "zod";
import type { mergeServiceRequest, ServiceNamesDto } from "@/lib/contract/services";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { pinnedSql } from "@/server/policies/pin-sql";
import { describeNames, followNames, lockNames, NAMES_TIMEOUT_MS, refuseMoving, type NamedService } from "./named-service";

type Conflict = { environment: string; partition: string; version: string; other: string | null };
type Kept = { kind: "hold" | "pin" | "freeze"; environment: string; partition: string; freeze: string | null };

/**
 * Makes one service of two: all names of the one mean the other, what runs of it is the other's, and so are its releases
 * where it is judged what runs. Nothing may have to change on a host for it.
 * @throws AppError not-found; conflict while rollouts of either are under way, where the one is assigned what the other is not,
 *   and where it is held, pinned or frozen and the other is not
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
      const kept = await readKept(tx, from, into);
      if (kept.length > 0) {
        const sentences = kept.map((one) => explainKept(one, from, into));
        throw new AppError("conflict", sentences.slice(0, 5).join(" "), { type: "policies-conflict", reasons: sentences.map((sentence) => ({ reason: "policies-conflict", sentence })) });
      }
      // The name is free for the other; the row keeps what happened under it.
      const [row] = await tx.$queryRaw<{ name: string }[]>`
        UPDATE services SET merged_into = ${into.id}::uuid, name = left(name, 47) || '.merged-' || left(id::text, 8) WHERE id = ${from.id}::uuid RETURNING name::text`;
      // Those that were merged into it before are the other's as well: readers look one step ahead.
      await tx.$executeRaw`UPDATE services SET merged_into = ${into.id}::uuid WHERE merged_into = ${from.id}::uuid`;
      await tx.$executeRaw`UPDATE service_aliases SET service_id = ${into.id}::uuid WHERE service_id = ${from.id}::uuid`;
      await tx.$executeRaw`INSERT INTO service_aliases (name, service_id) VALUES (${from.name}, ${into.id}::uuid)`;
      await followNames(tx, into);
      const { seq, at } = await appendEntry(tx, ctx, { type: "service-merged", serviceId: into.id, scope: { service: into.name, environment: null }, payload: { from: from.name, into: into.name, kept: row?.name ?? null }, texts: { reason: input.reason } });
      await tx.$executeRaw`UPDATE assignments SET release_id = NULL, entry_seq = ${seq}, revision = revision + 1, updated_at = ${at} WHERE service_id = ${from.id}::uuid AND release_id IS NOT NULL`;
      // The other's own stand instead.
      await tx.$executeRaw`UPDATE holds SET lifted_at = ${at}, lifted_seq = ${seq} WHERE service_id = ${from.id}::uuid AND lifted_at IS NULL`;
      await tx.$executeRaw`UPDATE pins SET ended_at = ${at}, ended_seq = ${seq} WHERE service_id = ${from.id}::uuid AND ended_seq IS NULL`;
      await tx.$executeRaw`UPDATE freezes SET lifted_at = ${at}, lifted_seq = ${seq} WHERE service_id = ${from.id}::uuid AND lifted_seq IS NULL AND (ends_at IS NULL OR ends_at > ${at})`;
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

/** What keeps promotions away from the one and not from the other: it would be lost. */
async function readKept(tx: Tx, from: NamedService, into: NamedService): Promise<Kept[]> {
  return tx.$queryRaw<Kept[]>`
    SELECT k.kind, e.name::text AS environment, k.partition::text, k.freeze FROM (
      SELECT 'hold' AS kind, h.environment_id, h.partition, NULL AS freeze FROM holds h WHERE h.service_id = ${from.id}::uuid AND h.lifted_at IS NULL
        AND NOT EXISTS (SELECT FROM holds o WHERE o.service_id = ${into.id}::uuid AND o.environment_id = h.environment_id AND o.partition = h.partition AND o.lifted_at IS NULL)
      UNION ALL
      SELECT 'pin', p.environment_id, p.partition, NULL FROM pins p WHERE p.service_id = ${from.id}::uuid AND ${pinnedSql("p")}
        AND NOT EXISTS (SELECT FROM pins o WHERE o.service_id = ${into.id}::uuid AND o.environment_id = p.environment_id AND o.partition = p.partition AND ${pinnedSql("o")} AND (o.expires_at IS NULL OR o.expires_at >= p.expires_at))
      UNION ALL
      SELECT 'freeze', f.environment_id, '', f.name FROM freezes f WHERE f.service_id = ${from.id}::uuid AND f.lifted_seq IS NULL AND (f.ends_at IS NULL OR f.ends_at > clock_timestamp())
        AND NOT EXISTS (SELECT FROM freezes o WHERE o.environment_id = f.environment_id AND (o.service_id = ${into.id}::uuid OR o.service_id IS NULL) AND o.lifted_seq IS NULL AND o.schedule IS NOT DISTINCT FROM f.schedule
          AND o.starts_at <= greatest(f.starts_at, clock_timestamp()) AND (o.ends_at IS NULL OR o.ends_at >= f.ends_at))) k
    JOIN environments e ON e.id = k.environment_id WHERE e.retired_at IS NULL ORDER BY e.ordinal, k.partition, k.kind LIMIT 50`;
}

function explainKept({ kind, environment, partition, freeze }: Kept, from: NamedService, into: NamedService): string {
  const where = `${environment}${partition === "default" || partition === "" ? "" : `, ${partition}`}`;
  if (kind === "hold") return `Promotions of ${from.name} are held in ${where}: hold ${into.name} there too, or lift the hold first.`;
  if (kind === "pin") return `${from.name} is pinned in ${where}: pin ${into.name} there for as long, or unpin it first.`;
  return `${from.name} is frozen in ${where} (${freeze}): freeze ${into.name} there for as long, or lift the freeze first.`;
}
