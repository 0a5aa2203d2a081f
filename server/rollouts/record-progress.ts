import type { z } from "zod";
import { PREFETCH_STEPS, type progressReport, type PROGRESS_STEPS } from "@/lib/contract/agent";
import type { ProgressPhase, TargetReason } from "@/lib/domain/rollout/statuses";
import { authorise } from "@/server/access/authorise";
import { createBatcher } from "@/server/batch";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { sqlArray, transact, type Db, type Tx } from "@/server/db";

type Input = z.output<typeof progressReport>;
type Step = (typeof PROGRESS_STEPS)[number];
type PrefetchStep = (typeof PREFETCH_STEPS)[number];
type Said = Input["targets"][number];
type Word = Said & { step: Exclude<Step, PrefetchStep> };
type PrefetchWord = Said & { step: PrefetchStep };

const PHASE: Record<Word["step"], ProgressPhase> = {
  acknowledged: "acknowledged",
  "pre-hook": "acknowledged",
  pulling: "fetching",
  pulled: "fetching",
  creating: "replacing",
  stopping: "replacing",
  starting: "replacing",
  "put-back": "replacing",
  started: "started",
  "post-hook": "started",
  done: "done",
  failed: "failed",
  refused: "refused",
};
const REASON: Record<NonNullable<Word["reason"]>, TargetReason> = {
  "cannot-fetch": "cannot-fetch",
  "start-failed": "start-failed",
  "crash-loop": "crash-loop",
  unhealthy: "unhealthy",
  "not-allowed": "not-allowed",
  "cannot-act": "not-allowed",
  timeout: "start-failed",
  interrupted: "start-failed",
  "older-entry": "ledger-refused",
  "hook-failed": "start-failed",
  "runtime-error": "start-failed",
};

/** What one agent says that needs nothing read first. */
type Told = { agentId: string; words: readonly Word[]; heldVersion: number | undefined };

const batchers = new WeakMap<Db, (told: Told) => Promise<null>>();

/**
 * Takes an executor's word: which desired version it holds, what it does with its targets, and why it refuses. A hint,
 * never proof: what counts is the next report. Words about targets or rollouts that are not its own are not kept. What a
 * fleet says at once is kept together, and judged by the next turn of `advanceRollouts`.
 */
export async function recordProgress({ ctx, input }: { ctx: Ctx; input: Input }): Promise<void> {
  authorise(ctx, "agent.progress");
  const agentId = ctx.actor.id;
  const ahead = input.targets.filter(isPrefetchWord);
  // By itself: it locks other rows than what follows, in an order of its own.
  if (ahead.length > 0) await transact(ctx.db, (tx) => storePrefetch(tx, agentId, ahead));
  let record = batchers.get(ctx.db);
  if (!record) {
    record = createBatcher((told: readonly Told[]) => recordTold(ctx.db, told), { maxSize: 250, concurrency: 1 });
    batchers.set(ctx.db, record);
  }
  const words = input.targets.filter((word): word is Word => !isPrefetchWord(word));
  if (words.length > 0 || input.heldVersion !== undefined) await record({ agentId, words, heldVersion: input.heldVersion });
  const { refusal } = input;
  if (refusal) await transact(ctx.db, (tx) => recordRefusal(tx, agentId, refusal));
}

async function recordTold(db: Db, told: readonly Told[]): Promise<null[]> {
  await transact(db, async (tx) => {
    const now = await readClock(tx);
    await storeWords(tx, told.flatMap(({ agentId, words }) => words.map((word) => ({ agentId, word }))), now);
    await recordHeld(tx, told.flatMap(({ agentId, heldVersion }) => (heldVersion === undefined ? [] : { agentId, heldVersion })), now);
  });
  return told.map(() => null);
}

async function readClock(tx: Tx): Promise<Date> {
  const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  return clock?.now ?? new Date();
}

/** Keeps the last word for each target that takes part in an active rollout with this generation or a later one. */
async function storeWords(tx: Tx, words: readonly { agentId: string; word: Word }[], now: Date): Promise<void> {
  if (words.length === 0) return;
  const last = new Map(words.map((one) => [`${one.agentId}\n${one.word.scope}\n${one.word.target}`, one]));
  const kept = [...last.values()];
  const column = <T>(pick: (word: Word) => T): T[] => kept.map(({ word }) => pick(word));
  const rows = await tx.$queryRaw<{ target_id: bigint }[]>`
    WITH words AS (
      SELECT rt.rollout_id, rt.target_id, w.generation, w.step, w.progress::jsonb AS progress
      FROM unnest(${sqlArray(kept.map(({ agentId }) => agentId))}::uuid[], ${sqlArray(column(({ scope }) => scope))}::text[], ${sqlArray(column(({ target }) => target))}::text[], ${sqlArray(column(({ generation }) => BigInt(generation)))}::bigint[], ${sqlArray(column(({ step }) => step))}::text[],
        ${sqlArray(column((word) => JSON.stringify(describe(word, now))))}::text[]) w(agent_id, scope, target, generation, step, progress)
      JOIN agent_scopes s ON s.agent_id = w.agent_id AND s.scope = w.scope
      JOIN targets t ON t.agent_scope_id = s.id AND t.key = w.target
      JOIN rollout_targets rt ON rt.target_id = t.id AND rt.generation = w.generation
      JOIN rollouts r ON r.id = rt.rollout_id AND (r.status IN ('running', 'paused') OR r.watched_until > ${now}::timestamptz)),
    locked AS MATERIALIZED (
      SELECT rt.rollout_id, rt.target_id FROM rollout_targets rt JOIN words w USING (rollout_id, target_id) ORDER BY rt.target_id FOR NO KEY UPDATE OF rt)
    UPDATE rollout_targets rt SET step = w.step,
      detail = coalesce(rt.detail, '{}') || jsonb_build_object('progress', w.progress) || CASE WHEN w.step = 'refused' THEN '{}' ELSE jsonb_build_object('startedGeneration', w.generation) END,
      acknowledged_at = CASE WHEN w.step = 'refused' THEN rt.acknowledged_at ELSE coalesce(rt.acknowledged_at, ${now}::timestamptz) END,
      done_at = CASE WHEN w.step = 'done' THEN coalesce(rt.done_at, ${now}::timestamptz) ELSE rt.done_at END
    FROM words w JOIN locked USING (rollout_id, target_id) WHERE rt.rollout_id = w.rollout_id AND rt.target_id = w.target_id
    RETURNING rt.target_id`;
  if (rows.length > 0) {
    await tx.$executeRaw`
      INSERT INTO changes (topic, service_id, environment_id, key)
      SELECT DISTINCT 'rollout', r.service_id, r.environment_id, r.id::text FROM rollout_targets rt JOIN rollouts r ON r.id = rt.rollout_id
      WHERE rt.target_id = ANY(${sqlArray(rows.map((row) => row.target_id))}::bigint[]) AND (r.status IN ('running', 'paused') OR r.watched_until > ${now}::timestamptz)`;
  }
}

function isPrefetchWord(word: Said): word is PrefetchWord {
  return PREFETCH_STEPS.some((step) => step === word.step);
}

/** Keeps whether an agent has the bytes that a later wave needs. It tells something about the wave to come and moves no target. */
async function storePrefetch(tx: Tx, agentId: string, words: readonly PrefetchWord[]): Promise<void> {
  const last = new Map(words.flatMap((word) => (word.rollout === null ? [] : [[`${word.scope}\n${word.target}\n${word.rollout}`, word] as const])));
  if (last.size === 0) return;
  const column = <T>(pick: (word: PrefetchWord) => T): T[] => [...last.values()].map(pick);
  await tx.$executeRaw`
    WITH words AS (
      SELECT rt.rollout_id, rt.target_id, w.prefetch, w.message
      FROM unnest(${sqlArray(column(({ scope }) => scope))}::text[], ${sqlArray(column(({ target }) => target))}::text[], ${sqlArray(column(({ rollout }) => rollout))}::uuid[],
        ${sqlArray(column(({ step }) => (step === "prefetched" ? "done" : "failed")))}::text[], ${sqlArray(column(({ message }) => message ?? null))}::text[]) w(scope, target, rollout_id, prefetch, message)
      JOIN agent_scopes s ON s.agent_id = ${agentId}::uuid AND s.scope = w.scope
      JOIN targets t ON t.agent_scope_id = s.id AND t.key = w.target
      JOIN rollout_targets rt ON rt.target_id = t.id AND rt.rollout_id = w.rollout_id
      JOIN rollouts r ON r.id = rt.rollout_id AND r.status IN ('running', 'paused')
      WHERE rt.prefetch IS DISTINCT FROM w.prefetch OR rt.detail->>'prefetchMessage' IS DISTINCT FROM w.message),
    locked AS MATERIALIZED (
      SELECT rt.rollout_id, rt.target_id FROM rollout_targets rt JOIN words w USING (rollout_id, target_id) ORDER BY rt.rollout_id, rt.target_id FOR NO KEY UPDATE OF rt),
    stored AS (
      UPDATE rollout_targets rt SET prefetch = w.prefetch,
        detail = CASE WHEN w.message IS NULL THEN rt.detail - 'prefetchMessage' ELSE coalesce(rt.detail, '{}') || jsonb_build_object('prefetchMessage', w.message) END
      FROM words w JOIN locked USING (rollout_id, target_id) WHERE rt.rollout_id = w.rollout_id AND rt.target_id = w.target_id RETURNING rt.rollout_id)
    INSERT INTO changes (topic, service_id, environment_id, key)
    SELECT DISTINCT 'rollout', r.service_id, r.environment_id, r.id::text FROM stored JOIN rollouts r ON r.id = stored.rollout_id`;
}

function describe(word: Word, now: Date): Record<string, unknown> {
  const failed = word.step === "failed" || word.step === "refused";
  return {
    phase: PHASE[word.step],
    generation: word.generation,
    reason: word.reason ? REASON[word.reason] : failed ? (word.step === "refused" ? "ledger-refused" : "start-failed") : null,
    // The database's clock; the agent's own serves to tell what it saw before it said so from what it saw after.
    at: now.getTime(),
    saidAt: Date.parse(word.at),
    said: word.reason ?? null,
    message: word.message ?? null,
    exitCode: word.exitCode ?? null,
    oom: word.oom ?? null,
    healthOutput: word.healthOutput ?? null,
    logs: word.logs ?? null,
  };
}

/** The versions that agents hold; a document that one refused is forgotten with a later one. Rows are locked in one order. */
async function recordHeld(tx: Tx, told: readonly { agentId: string; heldVersion: number }[], now: Date): Promise<void> {
  if (told.length === 0) return;
  const highest = new Map<string, number>();
  for (const { agentId, heldVersion } of told) highest.set(agentId, Math.max(heldVersion, highest.get(agentId) ?? 0));
  const rows = await tx.$queryRaw<{ id: string; cleared: boolean }[]>`
    WITH before AS MATERIALIZED (
      SELECT a.id, a.held_version, a.ledger_refusal, n.held FROM agents a
      JOIN unnest(${sqlArray([...highest.keys()])}::uuid[], ${sqlArray([...highest.values()].map(BigInt))}::bigint[]) n(id, held) ON n.id = a.id
      WHERE a.held_version < n.held OR a.ledger_refusal IS NOT NULL ORDER BY a.id FOR NO KEY UPDATE OF a)
    UPDATE agents a SET held_version = greatest(a.held_version, least(before.held, a.desired_version)),
      ledger_refusal = CASE WHEN coalesce((before.ledger_refusal->>'version')::bigint, 0) < before.held THEN NULL ELSE before.ledger_refusal END
    FROM before WHERE a.id = before.id
    RETURNING a.id, before.ledger_refusal IS NOT NULL AND a.ledger_refusal IS NULL AS cleared`;
  await recordChanges(tx, rows.map(({ id }) => ({ topic: "agent", key: id })));
  const cleared = rows.filter((row) => row.cleared).map(({ id }) => id);
  if (cleared.length === 0) return;
  await tx.$executeRaw`
    WITH resolved AS (
      UPDATE findings f SET resolved_at = ${now}, resolved_reason = 'the agent holds a later version' FROM agent_scopes s
      WHERE s.agent_id = ANY(${sqlArray(cleared)}::uuid[]) AND f.agent_scope_id = s.id AND f.kind = 'ledger-refused' AND f.resolved_at IS NULL RETURNING f.id)
    INSERT INTO changes (topic, key) SELECT 'findings', id::text FROM resolved`;
}

/** A document that an agent refused: one finding until it holds a later one. */
async function recordRefusal(tx: Tx, agentId: string, { reason, detail, version: refused }: NonNullable<Input["refusal"]>): Promise<void> {
  const now = await readClock(tx);
  // A refused document was never held, so holding its version ends it; a target refused inside a held one waits for the next.
  const [agent] = await tx.$queryRaw<{ desired_version: bigint }[]>`SELECT desired_version FROM agents WHERE id = ${agentId}::uuid`;
  const version = refused ?? Number(agent?.desired_version ?? 1n) - 1;
  const refusal = JSON.stringify({ reason, detail, version, at: now.toISOString() });
  await tx.$executeRaw`UPDATE agents SET ledger_refusal = ${refusal}::jsonb WHERE id = ${agentId}::uuid`;
  await tx.$executeRaw`
    WITH opened AS (
      INSERT INTO findings (kind, agent_scope_id, cause, count, since, opened_at)
      SELECT 'ledger-refused', id, ${refusal}::jsonb, 1, ${now}, ${now} FROM agent_scopes WHERE agent_id = ${agentId}::uuid ORDER BY id LIMIT 1
      ON CONFLICT (kind, target_id, agent_scope_id, combination_id, rollout_id, image_id, pool_id) WHERE resolved_at IS NULL DO UPDATE SET cause = excluded.cause RETURNING id)
    INSERT INTO changes (topic, key) SELECT 'findings', id::text FROM opened`;
  await recordChanges(tx, [{ topic: "agent", key: agentId }]);
}
