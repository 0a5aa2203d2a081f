import { randomUUID } from "node:crypto";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { checkRollback } from "@/lib/domain/rollout/check-rollback";
import { acceptFailures } from "@/lib/domain/rollout/advance-rollout";
import { canRolloutMove, type RolloutStatus } from "@/lib/domain/rollout/statuses";
import type { Verb } from "@/lib/domain/access/permissions";
import { authorise, visibleTo } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { lockVerdicts } from "@/server/drift/rejudge";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { advanceWaves, moveRollout, toldTogether } from "./advance-waves";
import { loadRollout } from "./load-rollouts";
import { lockForWaves } from "./offer-targets";
import { openRollout } from "./open-rollout";
import { decisionState, membersOf, readDecision, readOfferedSince, readReleasesHere } from "./read-decision";
import { lockPlace, readPlace, isKnownPlace, type KnownPlace } from "./read-place";
import { lockRollout, readRolloutState, type RolloutRow } from "./read-rollout-state";
import { refusal } from "./refuse-reasons";
import { tellRollout } from "./tell-rollout";

type Input = { id: string; reason?: string | undefined; revision?: number | undefined };
type Steered = { tx: Tx; place: KnownPlace; rollout: RolloutRow; now: Date };

/** Makes no new offers; replacements that run finish. @throws AppError not-found, conflict */
export function pauseRollout({ ctx, input }: { ctx: Ctx; input: Input }): Promise<RolloutDto> {
  refuseSecrets({ reason: input.reason });
  return steer(ctx, input, "rollouts.pause", async ({ tx, rollout, now }) => {
    refuseMove(rollout.status, "paused");
    await tx.$executeRaw`UPDATE rollouts SET status = 'paused', status_reason = ${`Paused by ${ctx.actor.name}${input.reason ? `: ${input.reason}` : "."}`}, revision = revision + 1 WHERE id = ${input.id}::uuid`;
    await tellRollout(tx, { rolloutId: input.id, at: now, kind: "paused", detail: { by: ctx.actor.name, reason: input.reason ?? null } });
    return input.id;
  });
}

/**
 * Goes on with a paused rollout. Where a wave failed the caller says how: its failed and stuck targets are offered again, or
 * it goes on without them, and the others have to get there all the same. A check that did not answer, or said no, is asked again. @throws AppError not-found, conflict
 */
export function resumeRollout({ ctx, input }: { ctx: Ctx; input: Input & { failed?: "retry" | "accept" | undefined } }): Promise<RolloutDto> {
  refuseSecrets({ reason: input.reason });
  return steer(ctx, input, "rollouts.pause", async ({ tx, rollout, now }) => {
    refuseMove(rollout.status, "running");
    const [wave] = await tx.$queryRaw<{ ordinal: number; name: string; opened: boolean }[]>`
      SELECT ordinal, name, opened_at IS NOT NULL AS opened FROM waves WHERE rollout_id = ${input.id}::uuid AND status = 'failed' ORDER BY ordinal LIMIT 1`;
    if (wave?.opened && input.failed === undefined) {
      throw new AppError("conflict", `Wave ${wave.name} failed. Say whether its targets are offered again (retry), or whether it goes on without them (accept).`, { type: "wave-failed" });
    }
    const failed = wave && input.failed === "accept" ? (await readRolloutState(tx, rollout, now)).waves.find(({ index }) => index === wave.ordinal - 1) : undefined;
    const gate = failed && acceptFailures(failed);
    await tx.$executeRaw`
      UPDATE wave_checks SET status = 'due', attempts = 0, detail = NULL, started_at = ${now}, next_attempt_at = ${now}, finished_at = NULL
      WHERE rollout_id = ${input.id}::uuid AND status IN ('unanswered', 'failed')`;
    if (wave && !wave.opened && input.failed === "accept") {
      // Its check said no; whoever goes on all the same answers for it.
      await tx.$executeRaw`
        UPDATE wave_checks SET status = 'passed', detail = ${`${ctx.actor.name} goes on all the same.`}, finished_at = ${now} WHERE rollout_id = ${input.id}::uuid AND ordinal = ${wave.ordinal}`;
      await tx.$executeRaw`UPDATE waves SET status = 'waiting', status_since = ${now}, status_reason = NULL, finished_at = NULL WHERE rollout_id = ${input.id}::uuid AND ordinal = ${wave.ordinal}`;
    } else if (wave && gate) {
      await tx.$executeRaw`
        UPDATE waves SET status = 'open', gate = ${JSON.stringify(gate)}::jsonb, status_since = ${now}, status_reason = NULL, finished_at = NULL WHERE rollout_id = ${input.id}::uuid AND ordinal = ${wave.ordinal}`;
    } else if (wave && input.failed === "accept") {
      await tx.$executeRaw`UPDATE waves SET status = 'passed', status_since = ${now}, status_reason = 'Passed without those that failed.', finished_at = ${now} WHERE rollout_id = ${input.id}::uuid AND ordinal = ${wave.ordinal}`;
    } else if (wave) {
      await tx.$executeRaw`
        UPDATE rollout_targets SET status = 'pending', reason = NULL, updated_at = ${now} WHERE rollout_id = ${input.id}::uuid AND wave <= ${wave.ordinal} AND status IN ('failed', 'stuck')`;
      await tx.$executeRaw`
        UPDATE waves SET status = ${wave.opened ? "open" : "waiting"}, gate = gate - 'givenUp', status_since = ${now}, status_reason = NULL, finished_at = NULL WHERE rollout_id = ${input.id}::uuid AND ordinal = ${wave.ordinal}`;
    }
    await tx.$executeRaw`UPDATE rollouts SET status = 'running', status_reason = NULL, revision = revision + 1 WHERE id = ${input.id}::uuid`;
    rollout.status = "running";
    const how = input.failed && wave ? (input.failed === "retry" ? ` Wave ${wave.name} is tried again.` : ` It goes on without what failed in wave ${wave.name}.`) : "";
    await tellRollout(tx, { rolloutId: input.id, at: now, kind: "resumed", detail: { by: ctx.actor.name, reason: `${input.reason ?? ""}${how}`.trim() || null } });
    // What a wave that fails again asks for is the job's affair.
    await advanceWaves(tx, rollout, now);
    return input.id;
  });
}

/**
 * Stops. `stop` leaves what was offered as it is and what was not with what it had: promotions are held, and one finding names
 * the split until a later rollout completes. `rollback` puts back what was assigned before, by a rollout that takes this one's
 * place. @throws AppError not-found, conflict, and every reason that refuses the rollback
 * @returns the rollout, or the one that takes its place
 */
export function abortRollout({ ctx, input }: { ctx: Ctx; input: Input & { how?: "stop" | "rollback" } }): Promise<RolloutDto> {
  return steer(ctx, input, "rollouts.abort", async (steered) => {
    refuseMove(steered.rollout.status, "aborted");
    if (input.how === "rollback") return stopAndRollBack(ctx, steered, input);
    await stopHere(ctx, steered, input);
    return input.id;
  }, { alsoFollowed: input.how === "rollback" });
}

async function stopHere(ctx: Ctx, { tx, place, rollout }: Steered, input: Input): Promise<void> {
  const holdId = randomUUID();
  const [held] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM holds WHERE service_id = ${place.service.id}::uuid AND environment_id = ${place.environment.id}::uuid AND partition = ${place.names.partition} AND lifted_at IS NULL`;
  // Its end is judged in this transaction, and whoever holds the ledger waits for nobody.
  await lockVerdicts(tx);
  const { seq, at } = await appendEntry(tx, ctx, {
    type: "rollout-stopped",
    serviceId: place.service.id,
    environmentId: place.environment.id,
    scope: { service: place.service.name, environment: place.environment.name },
    payload: { rollout: input.id, partition: place.names.partition, hold: held ? null : holdId },
    texts: { reason: input.reason },
  });
  if (!held) {
    await tx.$executeRaw`
      INSERT INTO holds (id, service_id, environment_id, partition, actor_id, entry_seq)
      VALUES (${holdId}::uuid, ${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${ctx.actor.id}::uuid, ${seq})`;
  }
  await tx.$executeRaw`UPDATE rollout_targets SET status = 'withdrawn', updated_at = ${at} WHERE rollout_id = ${input.id}::uuid AND status = 'pending'`;
  await moveRollout(tx, rollout, { to: "aborted", reason: `Stopped by ${ctx.actor.name}.` }, at);
}

async function stopAndRollBack(ctx: Ctx, { tx, place, rollout }: Steered, input: Input): Promise<string> {
  const scope = { service: place.service.name, environment: place.environment.name };
  authorise(ctx, "rollouts.rollback", scope);
  const [row] = await tx.$queryRaw<{ from_release_id: string | null; incident: string | null }[]>`SELECT from_release_id, incident FROM rollouts WHERE id = ${rollout.id}::uuid`;
  const decision = await readDecision(tx, place);
  const [release] = row?.from_release_id ? await readReleasesHere(tx, place, { ids: [row.from_release_id] }) : [];
  const check = checkRollback({
    ...decisionState(ctx, "rollouts.rollback", decision, release ?? null, null),
    release: release ?? null,
    offeredSince: release ? await readOfferedSince(tx, place, release.id) : [],
    forwardFixAccepted: false,
  });
  if (!check.ok || !release) throw refusal(check.ok ? [{ reason: "release-unknown" }] : check.reasons);
  const { id } = await openRollout(tx, ctx, {
    kind: check.kind,
    place,
    decision,
    release,
    members: membersOf(decision, check.kind, release.id),
    strategy: decision.strategy.strategy.rollback,
    reason: input.reason ?? `Stopped R-${rollout.number}.`,
    incident: row?.incident ?? undefined,
    hold: true,
  });
  return id;
}

/**
 * A person's go-ahead for a wave that waits for one: an entry in the ledger, and the wave opens unless something else holds
 * it back. @throws AppError not-found; forbidden for a token that nobody stands behind; conflict where nothing waits
 */
export function goAhead({ ctx, input }: { ctx: Ctx; input: Input & { wave: number } }): Promise<RolloutDto> {
  return steer(ctx, input, "rollouts.go-ahead", async ({ tx, place, rollout, now }) => {
    const [person] = await tx.$queryRaw<{ kind: string }[]>`SELECT kind FROM actors WHERE id = ${ctx.actor.personId}::uuid`;
    if (person?.kind !== "person") throw new AppError("forbidden", "A go-ahead needs a person; this token belongs to nobody.", { type: "no-person" });
    const [wave] = await tx.$queryRaw<{ status: string; asks: boolean; given: boolean }[]>`
      SELECT status, (gate->>'goAhead')::boolean AS asks, go_ahead_by IS NOT NULL AS given FROM waves WHERE rollout_id = ${input.id}::uuid AND ordinal = ${input.wave} FOR UPDATE`;
    if (!wave) throw notFound("wave");
    if (!wave.asks || wave.given || (wave.status !== "waiting" && wave.status !== "pending")) {
      const why = wave.given ? "somebody said go already" : wave.asks ? `it is ${wave.status}` : "it asks for none";
      throw new AppError("conflict", `Wave ${input.wave} waits for no go-ahead: ${why}.`, { type: "nothing-waits", changed: [`Wave ${input.wave} is ${wave.status}.`] });
    }
    await lockForWaves(tx, input.id, { throughWave: input.wave, count: toldTogether(rollout.executorId !== null) });
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "wave-approved",
      serviceId: place.service.id,
      environmentId: place.environment.id,
      scope: { service: place.service.name, environment: place.environment.name },
      payload: { rollout: input.id, wave: input.wave, partition: place.names.partition },
      texts: { reason: input.reason },
    });
    await tx.$executeRaw`UPDATE waves SET go_ahead_by = ${ctx.actor.id}::uuid, go_ahead_seq = ${seq} WHERE rollout_id = ${input.id}::uuid AND ordinal = ${input.wave}`;
    await tx.$executeRaw`UPDATE rollouts SET revision = revision + 1 WHERE id = ${input.id}::uuid`;
    await tellRollout(tx, { rolloutId: input.id, at, kind: "go-ahead", detail: { by: ctx.actor.name, wave: input.wave } });
    await advanceWaves(tx, rollout, at > now ? at : now);
    return input.id;
  });
}

/** Whoever steers holds the place and the rollout; what the act returns is the rollout to show. */
async function steer(ctx: Ctx, { id, revision }: Input, verb: Verb, act: (steered: Steered) => Promise<string>, { alsoFollowed = false }: { alsoFollowed?: boolean } = {}): Promise<RolloutDto> {
  return transact(ctx.db, async (tx) => {
    const [at] = await tx.$queryRaw<{ service: string; environment: string; partition: string; status: RolloutStatus; followed: boolean; carried_out_by: string | null }[]>`
      SELECT s.name::text AS service, e.name::text AS environment, r.partition::text, r.status, r.origin = 'external' AS followed, r.carried_out_by FROM rollouts r
      JOIN services s ON s.id = r.service_id JOIN environments e ON e.id = r.environment_id WHERE r.id = ${id}::uuid`;
    if (!at || !visibleTo(ctx, "rollouts.read", { service: at.service, environment: at.environment })) throw notFound("rollout");
    authorise(ctx, verb, { service: at.service, environment: at.environment });
    if (at.followed && !alsoFollowed) throw new AppError("conflict", `${at.carried_out_by ?? "Another tool"} carries this out and Plumbline follows it. Pause or stop it there, or roll back here.`, { type: "carried-out-elsewhere" });
    const place = await readPlace(tx, at, null);
    if (!isKnownPlace(place)) throw notFound("rollout");
    await lockPlace(tx, place);
    const rollout = await lockRollout(tx, id, { wait: true });
    if (!rollout) {
      const [row] = await tx.$queryRaw<{ status: RolloutStatus }[]>`SELECT status FROM rollouts WHERE id = ${id}::uuid`;
      throw new AppError("conflict", `This rollout is over: it is ${row?.status ?? at.status}.`, { type: "rollout-not-there", changed: [`The rollout is ${row?.status ?? at.status}.`] });
    }
    const [now] = await tx.$queryRaw<{ now: Date; revision: number; reason: string | null }[]>`SELECT clock_timestamp() AS now, revision::int AS revision, status_reason AS reason FROM rollouts WHERE id = ${id}::uuid`;
    if (revision !== undefined && now && revision !== now.revision) {
      const stands = `The rollout is ${rollout.status}${now.reason ? `: ${now.reason}` : "."}`;
      throw new AppError("conflict", `The rollout has moved since you looked. ${stands}`, { type: "stale-view", changed: [stands] });
    }
    const shown = await act({ tx, place, rollout, now: now?.now ?? new Date() });
    await recordChanges(tx, [{ topic: "rollout", serviceId: place.service.id, serviceName: place.service.name, environmentId: place.environment.id, key: id }]);
    return loadRollout(tx, shown);
  });
}

function refuseMove(status: RolloutStatus, to: RolloutStatus): void {
  if (!canRolloutMove(status, to)) throw new AppError("conflict", `This rollout is ${status}; it cannot become ${to}.`, { type: "rollout-not-there", changed: [`The rollout is ${status}.`] });
}
