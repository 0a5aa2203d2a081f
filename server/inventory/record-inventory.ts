import type { InventoryReport, InventoryResponse } from "@/lib/contract/agent";
import { authorise } from "@/server/access/authorise";
import { createBatcher } from "@/server/batch";
import type { Ctx } from "@/server/context";
import { isDatabaseUnavailable, transact, type Db } from "@/server/db";
import { rejudgeCombinations } from "@/server/drift/rejudge";
import { remapCombinations } from "@/server/mapping/remap-combinations";
import { ensurePreviews } from "@/server/previews/ensure-previews";
import { isUnchanged, recordPresence } from "./record-presence";
import { refuseContradictions } from "./refuse-contradictions";
import { answer, takeReports, type Incoming, type Taken } from "./take-reports";

type Result = { answer: InventoryResponse } | { error: unknown };

/** Small enough that nobody waits long for the others', large enough that a fleet that reports at once is a few statements. */
const TOGETHER = { maxSize: 100, maxWeight: 2_000, concurrency: 3, weigh };
/** From here on a report goes by itself at once: nobody waits behind a few clusters that report everything. */
const HEAVY = TOGETHER.maxWeight / 2;

const batchers = new WeakMap<Db, (incoming: Incoming) => Promise<Result>>();

/**
 * Takes one inventory report of the agent that asks. Those that come while others are being taken go together, in one
 * transaction; what is wrong with one of them is its sender's affair alone. Idempotent on (agent, scope, bootId, seq).
 * @param now when it was received; the database's rows carry this time
 * @throws AppError not-found for a scope that is not the agent's; conflict `resync-required` (a gap, or a boot that did
 *   not begin with a full report) and `boot-closed`; invalid with the fields that contradict each other
 */
export async function recordInventory({ ctx, input, now = new Date() }: { ctx: Ctx; input: InventoryReport; now?: Date }): Promise<InventoryResponse> {
  authorise(ctx, "agent.report");
  if (isUnchanged(input, now.getTime())) {
    const version = await recordPresence(ctx, { agentId: ctx.actor.id, scope: input.scope, bootId: input.bootId, seq: input.seq, observedAt: new Date(input.observedAt), receivedAt: now });
    if (version !== null) return answer(input, { duplicate: false, desiredVersion: version });
  }
  refuseContradictions(input);
  await ensurePreviews(ctx, ctx.actor.id, input);
  const { db } = ctx;
  let take = batchers.get(db);
  if (!take) {
    take = createBatcher((incoming: readonly Incoming[]) => takeTogether(db, incoming), TOGETHER);
    batchers.set(db, take);
  }
  const incoming = { agentId: ctx.actor.id, report: input, receivedAt: now };
  const result = weigh(incoming) > HEAVY ? (await takeTogether(db, [incoming]))[0] : await take(incoming);
  if (!result || "error" in result) throw result?.error ?? new Error("a report was not taken");
  return result.answer;
}

/** How many rows a report may lead to; one in parts goes alone. */
function weigh({ report: { targets, instances, removed, events, parts } }: Incoming): number {
  return parts > 1 ? Number.POSITIVE_INFINITY : targets.length + instances.length + removed.length + events.length;
}

/** In their order. A scope that is there twice is taken in two turns. */
async function takeTogether(db: Db, incoming: readonly Incoming[]): Promise<Result[]> {
  const results = new Map<Incoming, Result>();
  for (let left = [...incoming]; left.length > 0; ) {
    const turn = [...new Map(left.toReversed().map((one) => [`${one.agentId} ${one.report.scope}`, one])).values()].reverse();
    const taken = new Set(turn);
    (await takeOrSplit(db, turn)).forEach((result, at) => {
      const one = turn[at];
      if (one) results.set(one, result);
    });
    left = left.filter((one) => !taken.has(one));
  }
  return incoming.map((one) => results.get(one) ?? { error: new Error("a report was not taken") });
}

/** Where one of many cannot be taken, halves are, until it is alone. */
async function takeOrSplit(db: Db, incoming: readonly Incoming[]): Promise<Result[]> {
  let taken: Taken;
  try {
    taken = await transact(db, (tx) => takeReports(tx, db, incoming));
  } catch (error) {
    if (incoming.length === 1 || isDatabaseUnavailable(error)) return incoming.map(() => ({ error }));
    const middle = incoming.length >> 1;
    return [...(await takeOrSplit(db, incoming.slice(0, middle))), ...(await takeOrSplit(db, incoming.slice(middle)))];
  }
  // Outside: what is committed is not to be taken again in halves, which would only find that it is there.
  if (taken.createdCombinations.length > 0) await judgeAgain(db, taken, new Date(Math.max(...incoming.map(({ receivedAt }) => receivedAt.getTime()))));
  return taken.outcomes.map((outcome) => ("refusal" in outcome ? { error: outcome.refusal } : outcome));
}

/**
 * A decision at the same moment could not see combinations that these reports had not committed, nor the reports the
 * decision. Now one of both sees the other: verdicts of new combinations are taken again, behind any decision.
 */
async function judgeAgain(db: Db, { createdCombinations, ledgerSize }: Taken, now: Date): Promise<void> {
  await transact(db, async (tx) => {
    await rejudgeCombinations(tx, { combinationIds: createdCombinations }, { now });
    const [head] = await tx.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`;
    if (head && head.size !== ledgerSize) await remapCombinations(tx, createdCombinations, { now });
  });
}
