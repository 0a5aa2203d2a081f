import type { GroupPreview } from "@/lib/contract/rollouts";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { encodeGroupRevision } from "./group-revision";
import { readDigests, readGroup, toMember, toSeen, type GroupInput } from "./read-members";

/**
 * What one confirmation for several services would do, by the same decision that the server takes when it starts. Reads
 * one snapshot and locks nothing. @throws AppError not-found, invalid, unprocessable
 */
export async function previewGroup({ ctx, input }: { ctx: Ctx; input: GroupInput }): Promise<GroupPreview> {
  authorise(ctx, "rollouts.read");
  return transact(ctx.db, async (tx) => {
    await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`;
    const group = await readGroup(tx, ctx, input);
    const digests = await readDigests(tx, group.members);
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    return {
      kind: input.kind,
      service: group.service?.name ?? null,
      environment: group.environment?.name ?? null,
      at: group.at?.toISOString() ?? null,
      release: group.release && { service: group.release.service, version: group.release.version },
      members: group.members.map((member) => {
        const { assigned } = member.decision;
        return toMember(member, assigned && { id: assigned.releaseId, version: assigned.version, digest: digests.get(assigned.releaseId) ?? null });
      }),
      unchanged: group.unchanged,
      left: group.left,
      typed: group.typed,
      revision: encodeGroupRevision(group.members.map(toSeen)),
      asOf: (clock?.now ?? new Date(0)).toISOString(),
    };
  });
}
