import type { z } from "zod";
import type { PartitionsPreview, previewPartitionsRequest } from "@/lib/contract/partitions";
import { explainPartitionRefusal, partitionsToken, planPartitions } from "@/lib/domain/fleet/partitions";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { notFound } from "@/server/errors";
import { isKnownPlace, readPlace } from "@/server/rollouts/read-place";
import { labelsOf } from "./put-partitions";
import { readPartitionRows, readTargetGroups, toStanding } from "./read-partitions";

/** What declaring these partitions would do, by the decision that is taken when they are declared. Locks and writes nothing. @throws AppError not-found */
export async function previewPartitions({ ctx, input }: { ctx: Ctx; input: z.output<typeof previewPartitionsRequest> }): Promise<PartitionsPreview> {
  authorise(ctx, "fleet.read", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    const place = await readPlace(tx, { service: input.service, environment: input.environment, partition: "default" }, { ctx, verb: "fleet.read" });
    if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
    const standing = (await readPartitionRows(tx, place)).map(toStanding);
    const plan = planPartitions({ current: standing, declared: input.partitions, groups: await readTargetGroups(tx, place, labelsOf(input.partitions)) });
    return {
      service: place.service.name,
      environment: place.environment.name,
      allowed: plan.refusals.length === 0,
      reasons: plan.refusals.map((refusal) => ({ reason: refusal.reason, sentence: explainPartitionRefusal(refusal) })),
      notes: [...plan.notes],
      partitions: plan.partitions.map(({ name, selector, isNew, targets, matches, from, assignment, inherits }) => ({ name, selector, isNew, targets, matches, from: [...from], assigned: assignment?.version ?? null, inherits })),
      removed: plan.removed.map(({ name, targets, into }) => ({ name, targets, into: [...into] })),
      moved: plan.moved,
      revision: partitionsToken(standing),
    };
  });
}
