import type { z } from "zod";
import type { liftRecallRequest, RecallLiftDto } from "@/lib/contract/policies";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { raiseDesired } from "@/server/desired/raise-desired";
import { lockVerdicts, rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { findRelease, lockService, readArtifactIds } from "@/server/releases/find-release";

type Agreement = { person_id: string; by: string; at: Date; reason: string | null };

/** How many people it takes. */
const PEOPLE = 2;

/**
 * Agrees to lift a recall; the second person who does lifts it, and the release may be assigned again. People are
 * counted, not sessions or tokens.
 * @throws AppError not-found; forbidden for a token behind which nobody stands; conflict when it is not recalled, or the
 * same person has agreed
 */
export async function liftRecall({ ctx, input }: { ctx: Ctx; input: z.output<typeof liftRecallRequest> }): Promise<RecallLiftDto> {
  authorise(ctx, "recalls.lift", { service: input.service });
  return transact(ctx.db, async (tx) => {
    const release = await findRelease(tx, { service: input.service, version: input.version }, { ctx, verb: "recalls.lift" });
    await lockService(tx, release.serviceId, "decide");
    const [person] = await tx.$queryRaw<{ kind: string }[]>`SELECT kind FROM actors WHERE id = ${ctx.actor.personId}::uuid`;
    if (person?.kind !== "person") throw new AppError("forbidden", "Lifting a recall needs people; this token belongs to a team.", { type: "four-eyes", reasons: [{ reason: "no-person", sentence: "Lifting a recall needs people; this token belongs to a team." }] });
    const [recall] = await tx.$queryRaw<{ id: string; entry_seq: bigint }[]>`SELECT id::text, entry_seq FROM recalls WHERE release_id = ${release.id}::uuid AND lifted_at IS NULL FOR UPDATE`;
    if (!recall) throw new AppError("conflict", `${release.version} is not recalled.`, { type: "not-recalled" });
    const before = await readAgreements(tx, recall.id);
    if (before.some(({ person_id }) => person_id === ctx.actor.personId)) throw new AppError("conflict", "You have agreed already. Somebody else has to agree as well.", { type: "agreed" });

    const lifted = before.length + 1 >= PEOPLE;
    await lockVerdicts(tx);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: lifted ? "recall-lifted" : "recall-lift-agreed",
      serviceId: release.serviceId,
      scope: { service: release.serviceName, environment: null },
      payload: { recall: Number(recall.entry_seq), release: release.id, version: release.version, person: ctx.actor.personId, ...(lifted && { people: [...before.map(({ person_id }) => person_id), ctx.actor.personId] }) },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`
      INSERT INTO recall_lifts (recall_id, person_id, actor_id, entry_seq, created_at) VALUES (${recall.id}::uuid, ${ctx.actor.personId}::uuid, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    if (lifted) {
      await tx.$executeRaw`UPDATE recalls SET lifted_at = ${at}, lifted_seq = ${seq} WHERE id = ${recall.id}::uuid`;
      await rejudgeCombinations(tx, { artifactIds: await readArtifactIds(tx, release.id) }, { now: at });
      const agents = await tx.$queryRaw<{ id: string }[]>`
        SELECT DISTINCT s.agent_id AS id FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE t.service_id = ${release.serviceId}::uuid AND t.gone_at IS NULL`;
      await raiseDesired(tx, agents.map((agent) => agent.id));
    }
    const scope = { serviceId: release.serviceId, serviceName: release.serviceName, key: release.id };
    await recordChanges(tx, [{ topic: "release", ...scope }, { topic: "settings", ...scope }]);
    const agreed = await readAgreements(tx, recall.id);
    return { service: release.serviceName, version: release.version, lifted, agreed: agreed.map(({ by, at: when, reason }) => ({ by, at: when.toISOString(), reason })), entry: Number(seq) };
  });
}

function readAgreements(tx: Tx, recallId: string): Promise<Agreement[]> {
  return tx.$queryRaw<Agreement[]>`
    SELECT l.person_id::text, a.display_name AS by, l.created_at AS at, t.text AS reason FROM recall_lifts l JOIN actors a ON a.id = l.person_id
    LEFT JOIN ledger_texts t ON t.entry_seq = l.entry_seq AND t.field = 'reason' WHERE l.recall_id = ${recallId}::uuid ORDER BY l.created_at, l.entry_seq`;
}
