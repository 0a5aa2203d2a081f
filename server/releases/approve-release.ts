import type { z } from "zod";
import type { ApprovalDto, approveRequest } from "@/lib/contract/releases";
import { explainApprovalRefusal, mayApprove } from "@/lib/domain/access/permissions";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { lockVerdicts, rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { adoptedSql, recalledSql, standingSql } from "./approved-sql";
import { findEnvironment, findRelease, lockService, readArtifactIds, type FoundEnvironment, type FoundRelease } from "./find-release";

/**
 * Says that a release may run in an environment. Four eyes count people: who registered, wrote or triggered it may not,
 * where the environment is protected; the database refuses it too. Approving twice is one approval.
 * @throws AppError not-found, forbidden (`four-eyes`), conflict when it is recalled
 */
export async function approveRelease({ ctx, input }: { ctx: Ctx; input: z.output<typeof approveRequest> }): Promise<ApprovalDto> {
  authorise(ctx, "releases.approve", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    const release = await findRelease(tx, input, { ctx, verb: "releases.approve" });
    await lockService(tx, release.serviceId, "decide");
    const environment = await findEnvironment(tx, input.environment);
    const [standing] = await tx.$queryRaw<{ entry_seq: bigint }[]>`
      SELECT entry_seq FROM approvals
      WHERE release_id = ${release.id}::uuid AND environment_id = ${environment.id}::uuid AND person_id = ${ctx.actor.personId}::uuid AND withdrawn_at IS NULL AND NOT adopted`;
    if (standing) return describeApproval(tx, release, environment, standing.entry_seq);
    const [recall] = await tx.$queryRaw<{ recalled: boolean }[]>`SELECT ${recalledSql("r.id")} AS recalled FROM releases r WHERE r.id = ${release.id}::uuid`;
    if (recall?.recalled) throw new AppError("conflict", `${release.version} is recalled and may not be approved.`, { type: "recalled" });
    await refuseOwnWork(tx, ctx, release, environment);

    await lockVerdicts(tx);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "release-approved",
      serviceId: release.serviceId,
      environmentId: environment.id,
      scope: { service: release.serviceName, environment: environment.name },
      payload: { release: release.id, version: release.version, registered: Number(release.entrySeq), person: ctx.actor.personId },
      texts: { note: input.note },
    });
    await tx.$executeRaw`
      INSERT INTO approvals (release_id, environment_id, actor_id, person_id, entry_seq)
      VALUES (${release.id}::uuid, ${environment.id}::uuid, ${ctx.actor.id}::uuid, ${ctx.actor.personId}::uuid, ${seq})`;
    await rejudgeCombinations(tx, { artifactIds: await readArtifactIds(tx, release.id), environmentId: environment.id }, { now: at });
    await recordChanges(tx, [{ topic: "release", serviceId: release.serviceId, serviceName: release.serviceName, environmentId: environment.id, key: release.id }]);
    return describeApproval(tx, release, environment, seq);
  });
}

async function refuseOwnWork(tx: Tx, ctx: Ctx, release: FoundRelease, environment: FoundEnvironment): Promise<void> {
  const [person] = await tx.$queryRaw<{ kind: string; email: string | null; parts: string[] }[]>`
    SELECT a.kind, a.email, ARRAY(SELECT part FROM release_people p WHERE p.release_id = ${release.id}::uuid AND p.person_id = a.id) AS parts
    FROM actors a WHERE a.id = ${ctx.actor.personId}::uuid`;
  const parts = person?.parts ?? [];
  const answer = mayApprove({
    // A token that nobody stands behind, such as the set-up token, is no second pair of eyes.
    approverPerson: person?.kind === "person" ? ctx.actor.personId : null,
    approverNames: person?.email ? [person.email] : [],
    registrantPerson: release.registrantPerson,
    // What was resolved to a person at registration counts under any address.
    authors: parts.includes("author") ? [ctx.actor.personId] : release.authors,
    triggeredBy: parts.includes("trigger") ? ctx.actor.personId : release.triggeredBy,
    environment: { protected: environment.protected },
  });
  if (!answer.ok) {
    const sentence = explainApprovalRefusal(answer.reason);
    throw new AppError("forbidden", sentence, { type: "four-eyes", reasons: [{ reason: answer.reason, sentence }] });
  }
}

/** Where a release stands in one environment now. */
export async function describeApproval(tx: Tx, release: FoundRelease, environment: FoundEnvironment, seq: bigint): Promise<ApprovalDto> {
  const [row] = await tx.$queryRaw<{ standing: bigint; adopted: boolean }[]>`
    SELECT ${standingSql("r.id", "e")} AS standing, ${adoptedSql("r.id", "e")} AS adopted FROM releases r, environments e WHERE r.id = ${release.id}::uuid AND e.id = ${environment.id}::uuid`;
  const standing = Number(row?.standing ?? 0);
  return {
    service: release.serviceName,
    version: release.version,
    environment: environment.name,
    standing,
    required: environment.requiredApprovals,
    approved: standing >= environment.requiredApprovals || (row?.adopted ?? false),
    adopted: row?.adopted ?? false,
    entry: Number(seq),
  };
}
