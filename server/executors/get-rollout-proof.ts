import type { DecisionProof } from "@/lib/contract/executors";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { AppError, notFound } from "@/server/errors";
import { readProof } from "./read-proof";

/**
 * The decision behind a rollout with all that proves it: what an executor that was told by a dispatch fetches.
 * @throws AppError forbidden, not-found, unavailable in the moment before the ledger is signed
 */
export async function getRolloutProof({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<DecisionProof> {
  const [rollout] = await ctx.db.$queryRaw<{ entry_seq: bigint; service: string; environment: string }[]>`
    SELECT r.entry_seq, s.name::text AS service, e.name::text AS environment FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id
    WHERE r.id = ${input.id}::uuid`;
  const place = rollout && { service: rollout.service, environment: rollout.environment };
  if (!place || !visibleTo(ctx, "rollouts.read", place)) throw notFound("rollout");
  authorise(ctx, "ledger.read", place);
  const proof = await readProof(ctx, Number(rollout.entry_seq));
  if (!proof) throw new AppError("unavailable", "The decision is not signed yet. Try again in a second.", { retryAfterSeconds: 1 });
  return proof;
}
