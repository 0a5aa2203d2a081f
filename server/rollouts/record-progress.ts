import type { z } from "zod";
import { PREFETCH_STEPS, type progressReport, type PROGRESS_STEPS } from "@/lib/contract/agent";
import type { ProgressPhase, TargetReason } from "@/lib/domain/rollout/statuses";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { judgeTargets } from "./judge-targets";

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

/**
 * Takes an executor's word: which desired version it holds, what it does with its targets, and why it refuses. A hint,
 * never proof: what counts is the next report. Words about targets or rollouts that are not its own move nothing.
 */
export async function recordProgress({ ctx, input }: { ctx: Ctx; input: Input }): Promise<void> {
  authorise(ctx, "agent.progress");
  // By itself: it locks other rows than what follows, in an order of its own.
  await transact(ctx.db, (tx) => storePrefetch(tx, ctx.actor.id, input.targets.filter(isPrefetchWord)));
  await transact(ctx.db, async (tx) => {
    const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const now = clock?.now ?? new Date();
    const targetIds = await storeWords(tx, ctx.actor.id, input.targets.filter((word): word is Word => !isPrefetchWord(word)), now);
    if (targetIds.length > 0) await judgeTargets(tx, { targetIds }, now);
    await recordHeld(tx, ctx.actor.id, input, now);
  });
}

/** Keeps the last word for each target that takes part in an active rollout with this generation or a later one. */
async function storeWords(tx: Tx, agentId: string, words: readonly Word[], now: Date): Promise<bigint[]> {
  if (words.length === 0) return [];
  const last = new Map(words.map((word) => [`${word.scope}\n${word.target}`, word]));
  const kept = [...last.values()];
  const column = <T>(pick: (word: Word) => T): T[] => kept.map(pick);
  const rows = await tx.$queryRaw<{ target_id: bigint }[]>`
    WITH words AS (
      SELECT rt.rollout_id, rt.target_id, w.generation, w.step, w.progress::jsonb AS progress
      FROM unnest(${column(({ scope }) => scope)}::text[], ${column(({ target }) => target)}::text[], ${column(({ generation }) => BigInt(generation))}::bigint[], ${column(({ step }) => step)}::text[],
        ${column((word) => JSON.stringify(describe(word, now)))}::text[]) w(scope, target, generation, step, progress)
      JOIN agent_scopes s ON s.agent_id = ${agentId}::uuid AND s.scope = w.scope
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
      WHERE rt.target_id = ANY(${rows.map((row) => row.target_id)}::bigint[]) AND (r.status IN ('running', 'paused') OR r.watched_until > ${now}::timestamptz)`;
  }
  return rows.map((row) => row.target_id);
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
      FROM unnest(${column(({ scope }) => scope)}::text[], ${column(({ target }) => target)}::text[], ${column(({ rollout }) => rollout)}::uuid[],
        ${column(({ step }) => (step === "prefetched" ? "done" : "failed"))}::text[], ${column(({ message }) => message ?? null)}::text[]) w(scope, target, rollout_id, prefetch, message)
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
    // The database's clock: the agent's is its own affair.
    at: now.getTime(),
    said: word.reason ?? null,
    message: word.message ?? null,
    exitCode: word.exitCode ?? null,
    oom: word.oom ?? null,
    healthOutput: word.healthOutput ?? null,
    logs: word.logs ?? null,
  };
}

/** The version that an agent holds, and a document that it refused: one finding until it holds a later one. */
async function recordHeld(tx: Tx, agentId: string, input: Input, now: Date): Promise<void> {
  if (input.heldVersion !== undefined) {
    const held = BigInt(input.heldVersion);
    const rows = await tx.$queryRaw<{ cleared: boolean }[]>`
      WITH before AS (SELECT id, held_version, ledger_refusal FROM agents WHERE id = ${agentId}::uuid FOR NO KEY UPDATE)
      UPDATE agents a SET held_version = greatest(a.held_version, least(${held}, a.desired_version)),
        ledger_refusal = CASE WHEN coalesce((before.ledger_refusal->>'version')::bigint, 0) < ${held} THEN NULL ELSE before.ledger_refusal END
      FROM before WHERE a.id = before.id AND (a.held_version < ${held} OR before.ledger_refusal IS NOT NULL)
      RETURNING before.ledger_refusal IS NOT NULL AND a.ledger_refusal IS NULL AS cleared`;
    if (rows.length > 0) await recordChanges(tx, [{ topic: "agent", key: agentId }]);
    if (rows[0]?.cleared) {
      await tx.$executeRaw`
        WITH resolved AS (
          UPDATE findings f SET resolved_at = ${now}, resolved_reason = 'the agent holds a later version' FROM agent_scopes s
          WHERE s.agent_id = ${agentId}::uuid AND f.agent_scope_id = s.id AND f.kind = 'ledger-refused' AND f.resolved_at IS NULL RETURNING f.id)
        INSERT INTO changes (topic, key) SELECT 'findings', id::text FROM resolved`;
    }
  }
  if (!input.refusal) return;
  // A refused document was never held, so holding its version ends it; a target refused inside a held one waits for the next.
  const [agent] = await tx.$queryRaw<{ desired_version: bigint }[]>`SELECT desired_version FROM agents WHERE id = ${agentId}::uuid`;
  const version = input.refusal.version ?? Number(agent?.desired_version ?? 1n) - 1;
  const refusal = JSON.stringify({ reason: input.refusal.reason, detail: input.refusal.detail, version, at: now.toISOString() });
  await tx.$executeRaw`UPDATE agents SET ledger_refusal = ${refusal}::jsonb WHERE id = ${agentId}::uuid`;
  await tx.$executeRaw`
    WITH opened AS (
      INSERT INTO findings (kind, agent_scope_id, cause, count, since, opened_at)
      SELECT 'ledger-refused', id, ${refusal}::jsonb, 1, ${now}, ${now} FROM agent_scopes WHERE agent_id = ${agentId}::uuid ORDER BY id LIMIT 1
      ON CONFLICT (kind, target_id, agent_scope_id, combination_id, rollout_id, image_id) WHERE resolved_at IS NULL DO UPDATE SET cause = excluded.cause RETURNING id)
    INSERT INTO changes (topic, key) SELECT 'findings', id::text FROM opened`;
  await recordChanges(tx, [{ topic: "agent", key: agentId }]);
}
