import type { z } from "zod";
import type { ApprovalDto, withdrawRequest } from "@/lib/contract/releases";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { lockVerdicts, rejudgeCombinations } from "@/server/drift/rejudge";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { describeApproval } from "./approve-release";
import { findEnvironment, findRelease, lockService, readArtifactIds } from "./find-release";

/**
 * Withdraws every standing approval of a release in an environment. What runs there is `unapproved` from now on, unless
 * the environment needs no approval. @throws AppError not-found, conflict when none stands
 */
export async function withdrawApproval({ ctx, input }: { ctx: Ctx; input: z.output<typeof withdrawRequest> }): Promise<ApprovalDto> {
  authorise(ctx, "releases.withdraw", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    const release = await findRelease(tx, input, { ctx, verb: "releases.withdraw" });
    await lockService(tx, release.serviceId, "decide");
    const environment = await findEnvironment(tx, input.environment);
    const standing = await tx.$queryRaw<{ id: string; entry_seq: bigint }[]>`
      SELECT id, entry_seq FROM approvals
      WHERE release_id = ${release.id}::uuid AND environment_id = ${environment.id}::uuid AND withdrawn_at IS NULL ORDER BY entry_seq`;
    if (standing.length === 0) throw new AppError("conflict", `No approval of ${release.version} stands in ${environment.name}.`, { type: "not-approved" });
    await lockVerdicts(tx);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "approval-withdrawn",
      serviceId: release.serviceId,
      environmentId: environment.id,
      scope: { service: release.serviceName, environment: environment.name },
      payload: { release: release.id, version: release.version, approvals: standing.map((approval) => Number(approval.entry_seq)) },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`
      UPDATE approvals SET withdrawn_at = ${at}, withdrawn_seq = ${seq} WHERE id = ANY(${standing.map((approval) => approval.id)}::uuid[])`;
    await rejudgeCombinations(tx, { artifactIds: await readArtifactIds(tx, release.id), environmentId: environment.id }, { now: at });
    await recordChanges(tx, [{ topic: "release", serviceId: release.serviceId, serviceName: release.serviceName, environmentId: environment.id, key: release.id }]);
    return describeApproval(tx, release, environment, seq);
  });
}
