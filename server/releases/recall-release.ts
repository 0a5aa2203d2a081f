import type { z } from "zod";
import type { recallDto, recallRequest } from "@/lib/contract/releases";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { raiseDesired } from "@/server/desired/raise-desired";
import { lockVerdicts, rejudgeCombinations } from "@/server/drift/rejudge";
import { appendEntry } from "@/server/ledger/append-entry";
import { findRelease, lockService, readArtifactIds } from "./find-release";

/**
 * Recalls a release: it may not be assigned anywhere from now on, and agents refuse it. What runs of it is a finding, as
 * few rows as there are distinct combinations. Recalling twice is one recall.
 */
export async function recallRelease({ ctx, input }: { ctx: Ctx; input: z.output<typeof recallRequest> }): Promise<z.output<typeof recallDto>> {
  authorise(ctx, "releases.recall", { service: input.service });
  return transact(ctx.db, async (tx) => {
    const release = await findRelease(tx, { service: input.service, version: input.version }, { ctx, verb: "releases.recall" });
    await lockService(tx, release.serviceId, "decide");
    const artifactIds = await readArtifactIds(tx, release.id);
    const [running] = await tx.$queryRaw<{ instances: bigint }[]>`
      SELECT coalesce(sum(cc.instances), 0) AS instances FROM combination_counts cc JOIN combinations c ON c.id = cc.combination_id
      WHERE EXISTS (SELECT FROM image_digests i JOIN artifact_digests d ON d.digest = i.digest WHERE i.image_id = c.image_id AND d.artifact_id = ANY(${artifactIds}::uuid[]))`;
    const answer = { service: release.serviceName, version: release.version, instances: Number(running?.instances ?? 0) };
    const [standing] = await tx.$queryRaw<{ entry_seq: bigint }[]>`SELECT entry_seq FROM recalls WHERE release_id = ${release.id}::uuid AND lifted_at IS NULL`;
    if (standing) return { ...answer, entry: Number(standing.entry_seq) };

    await lockVerdicts(tx);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "release-recalled",
      serviceId: release.serviceId,
      scope: { service: release.serviceName, environment: null },
      payload: { release: release.id, version: release.version, registered: Number(release.entrySeq) },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`INSERT INTO recalls (release_id, actor_id, entry_seq) VALUES (${release.id}::uuid, ${ctx.actor.id}::uuid, ${seq})`;
    await rejudgeCombinations(tx, { artifactIds }, { now: at });
    const agents = await tx.$queryRaw<{ id: string }[]>`
      SELECT DISTINCT s.agent_id AS id FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE t.service_id = ${release.serviceId}::uuid AND t.gone_at IS NULL`;
    await raiseDesired(tx, agents.map((agent) => agent.id));
    await recordChanges(tx, [{ topic: "release", serviceId: release.serviceId, serviceName: release.serviceName, key: release.id }]);
    return { ...answer, entry: Number(seq) };
  });
}
