import { setTimeout as wait } from "node:timers/promises";
import { externalCheckSchema } from "@/lib/contract/strategies";
import { judgeCheck, settleCheck, type CheckJudgement, type CheckOutcome } from "@/lib/domain/rollout/judge-check";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import type { ExternalCheck } from "@/lib/domain/rollout/strategy";
import { recordChanges } from "@/server/changes/record-change";
import type { App } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { shutdownSignal } from "@/server/shutdown";
import { askCheck, type CheckQuestion } from "./ask-check";

/** Questions that one worker has open at a time. One that hangs holds up no other. */
const MOST_AT_ONCE = 16;
const LOOK_AGAIN_MS = 500;
/** Beyond its time-out, until another worker takes a check over from one that died. */
const LEASE_SLACK_MS = 5_000;

type Claimed = { rollout_id: string; ordinal: number; attempts: number; started_at: Date; check: unknown };
type Facts = {
  number: bigint;
  kind: RolloutKind;
  service_id: string;
  environment_id: string;
  service: string;
  environment: string;
  partition: string;
  wave_name: string;
  waves: number;
  from_id: string | null;
  from_version: string | null;
  to_id: string | null;
  to_version: string | null;
  total: number;
  verified: number;
  failed: number;
  in_flight: number;
  now: Date;
};

/**
 * Asks the external checks that are due, and writes what came of it. Several at a time, each claimed so that no two workers
 * ask the same, and asked without holding a connection. Ends when none is open.
 */
export async function runChecks(app: App): Promise<void> {
  const open = new Set<Promise<void>>();
  for (;;) {
    const claimed = shutdownSignal().aborted ? [] : await claimChecks(app, MOST_AT_ONCE - open.size);
    for (const each of claimed) {
      const work = runOne(app, each)
        .catch((error: unknown) => {
          // One check's trouble is not the others'; its lease ends and it is asked again.
          app.log.error({ err: error, rollout: each.rollout_id }, "A check could not be run");
        })
        .finally(() => open.delete(work));
      open.add(work);
    }
    if (open.size === 0) return;
    await Promise.race([...open, wait(LOOK_AGAIN_MS, undefined, { ref: false })]);
  }
}

function claimChecks(app: App, most: number): Promise<Claimed[]> {
  if (most <= 0) return Promise.resolve([]);
  return app.db.$queryRaw<Claimed[]>`
    WITH due AS (
      SELECT c.rollout_id, c.ordinal, w.gate->'check' AS "check",
        CASE WHEN jsonb_typeof(w.gate->'check'->'timeoutMs') = 'number' THEN (w.gate->'check'->>'timeoutMs')::float8 ELSE 0 END + ${LEASE_SLACK_MS}::float8 AS lease_ms
      FROM wave_checks c JOIN rollouts r ON r.id = c.rollout_id JOIN waves w ON w.rollout_id = c.rollout_id AND w.ordinal = c.ordinal
      WHERE c.status = 'due' AND c.next_attempt_at <= clock_timestamp() AND r.status = 'running'
      ORDER BY c.next_attempt_at LIMIT ${most} FOR UPDATE OF c SKIP LOCKED)
    UPDATE wave_checks c SET attempts = c.attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => due.lease_ms / 1000)
    FROM due WHERE c.rollout_id = due.rollout_id AND c.ordinal = due.ordinal
    RETURNING c.rollout_id::text, c.ordinal, c.attempts, c.started_at, due.check`;
}

async function runOne(app: App, claimed: Claimed): Promise<void> {
  const facts = await readFacts(app, claimed);
  if (!facts) return;
  const parsed = externalCheckSchema.safeParse(claimed.check);
  const check = parsed.success ? parsed.data : null;
  const judgement: CheckJudgement = check ? judgeCheck(check, await askCheck(app, check, questionOf(claimed, facts))) : { verdict: "no-answer", sentence: "No answer: this wave names no check that can be asked." };
  await transact(app.db, (tx) => record(tx, { claimed, facts, check: check ?? { everyMs: 0, withinMs: 0 }, judgement }));
}

/** Writes what came of it, unless the check was ended, begun anew or taken over meanwhile. */
async function record(tx: Tx, { claimed, facts, check, judgement }: { claimed: Claimed; facts: Facts; check: Pick<ExternalCheck, "everyMs" | "withinMs">; judgement: CheckJudgement }): Promise<void> {
  const [row] = await tx.$queryRaw<{ detail: string | null; now: Date }[]>`
    WITH own AS MATERIALIZED (
      SELECT detail FROM wave_checks
      WHERE rollout_id = ${claimed.rollout_id}::uuid AND ordinal = ${claimed.ordinal} AND status = 'due' AND attempts = ${claimed.attempts} AND started_at = ${claimed.started_at} FOR UPDATE)
    SELECT detail, clock_timestamp() AS now FROM own`;
  if (!row) return;
  const outcome: CheckOutcome = settleCheck(check, judgement, { startedAt: claimed.started_at.getTime(), attempts: claimed.attempts, now: row.now.getTime() });
  const ended = outcome.status !== "due";
  await tx.$executeRaw`
    UPDATE wave_checks SET status = ${outcome.status}, detail = ${outcome.detail}, finished_at = ${ended ? row.now : null}::timestamptz,
      next_attempt_at = ${outcome.status === "due" ? new Date(outcome.nextAttemptAt) : row.now}
    WHERE rollout_id = ${claimed.rollout_id}::uuid AND ordinal = ${claimed.ordinal}`;
  if (!ended && outcome.detail === row.detail) return;
  await recordChanges(tx, [{ topic: "rollout", serviceId: facts.service_id, serviceName: facts.service, environmentId: facts.environment_id, key: claimed.rollout_id }]);
}

async function readFacts(app: App, { rollout_id, ordinal }: Claimed): Promise<Facts | null> {
  const [facts] = await app.db.$queryRaw<Facts[]>`
    SELECT r.number, r.kind, r.service_id::text, r.environment_id::text, s.name::text AS service, e.name::text AS environment, r.partition::text, w.name AS wave_name,
      (SELECT count(*)::int FROM waves o WHERE o.rollout_id = r.id) AS waves, f.id::text AS from_id, f.version AS from_version, t.id::text AS to_id, t.version AS to_version,
      n.total, n.verified, n.failed, n.in_flight, clock_timestamp() AS now
    FROM rollouts r JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id JOIN waves w ON w.rollout_id = r.id AND w.ordinal = ${ordinal}
    LEFT JOIN releases f ON f.id = r.from_release_id LEFT JOIN releases t ON t.id = r.to_release_id
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS total, (count(*) FILTER (WHERE status = 'verified'))::int AS verified, (count(*) FILTER (WHERE status IN ('failed', 'stuck', 'regressed', 'contested')))::int AS failed,
        (count(*) FILTER (WHERE status IN ('offered', 'acknowledged', 'replacing')))::int AS in_flight
      FROM rollout_targets WHERE rollout_id = r.id AND status NOT IN ('gone', 'withdrawn')) n
    WHERE r.id = ${rollout_id}::uuid`;
  return facts ?? null;
}

function questionOf(claimed: Claimed, facts: Facts): CheckQuestion {
  const release = (id: string | null, version: string | null): { release: string; version: string } | null => (id === null || version === null ? null : { release: id, version });
  return {
    // Another id with every question: each is answered anew, not taken for one that was answered before.
    id: `check_${claimed.rollout_id.replaceAll("-", "")}_${claimed.ordinal}_${claimed.attempts}`,
    request: {
      type: "check-asked",
      timestamp: facts.now.toISOString(),
      data: {
        rollout: { id: claimed.rollout_id, number: Number(facts.number), kind: facts.kind },
        service: facts.service,
        environment: facts.environment,
        partition: facts.partition,
        wave: { number: claimed.ordinal, name: facts.wave_name, of: facts.waves },
        from: release(facts.from_id, facts.from_version),
        to: release(facts.to_id, facts.to_version),
        counts: { total: facts.total, verified: facts.verified, failed: facts.failed, inFlight: facts.in_flight },
        attempt: claimed.attempts,
      },
    },
  };
}
