import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { AnnouncementDto, announceRequest } from "@/lib/contract/deployments";
import { explainReason, type RefusalReason } from "@/lib/domain/rollout/reasons";
import type { AnnouncedStatus } from "@/lib/domain/rollout/statuses";
import { authorise } from "@/server/access/authorise";
import { externalSql } from "@/server/authority/authority-sql";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { moveRollout } from "../advance-waves";
import { oncePerPlace } from "../once-per-place";
import { readDecision, readReleasesHere, type Decision, type ReleaseRow } from "../read-decision";
import { isKnownPlace, lockPlace, readPlace, type KnownPlace } from "../read-place";
import { lockRollout } from "../read-rollout-state";
import { refusal } from "../refuse-reasons";
import { tellRollout } from "../tell-rollout";
import { loadAnnouncement, type AnnouncementOutcome } from "./load-announcements";
import { openExternal, refuseExternal } from "./open-external";

type Input = z.output<typeof announceRequest>;
type Known = { id: string; release_id: string; status: AnnouncedStatus; outcome: AnnouncementOutcome; rollout_id: string | null };
type Said = { id: string; tx: Tx; ctx: Ctx; place: KnownPlace; decision: Decision; release: ReleaseRow; input: Input; before: Known | null };
type Came = { outcome: AnnouncementOutcome; rolloutId: string | null; refused?: RefusalReason[] };

/** What follows what: a message that comes late, or twice, moves nothing back. */
const RANK: Record<AnnouncedStatus, number> = { started: 0, succeeded: 1, failed: 2 };

/**
 * Takes what a deployer says about a deployment of its own. The first word opens a rollout that is followed, before anything
 * of it runs; `failed` ends it; `succeeded` is kept beside what is observed, which alone decides. The same deployment (by its
 * sender's name for it, at one place) is one, however often and in whatever order it is told.
 * @throws AppError not-found (place, release), conflict (Plumbline decides here; not approved, recalled, held, frozen; a
 * rollout of Plumbline's own), unprocessable (a release of another service; another deployment of that name). What is refused
 * is kept.
 */
export async function announceDeployment({ ctx, input }: { ctx: Ctx; input: Input }): Promise<AnnouncementDto> {
  authorise(ctx, "deployments.announce", { service: input.service, environment: input.environment });
  refuseSecrets({ externalId: input.externalId, tool: input.tool, by: input.by, url: input.url });
  const came = await oncePerPlace(input, () => transact(ctx.db, (tx) => take(tx, ctx, input)));
  if (came.refused) throw refusal(came.refused);
  return came.dto;
}

async function take(tx: Tx, ctx: Ctx, input: Input): Promise<{ dto: AnnouncementDto; refused?: RefusalReason[] }> {
  const place = await readPlace(tx, input, { ctx, verb: "deployments.announce" });
  if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
  if (!place.partitionKnown) throw notFound("partition");
  await lockPlace(tx, place);
  await refuseOwnPlace(tx, place);
  const release = await findAnnounced(tx, place, input);
  const { id, before } = await claim(tx, ctx, { place, release, input });
  if (before) {
    if (before.release_id !== release.id) {
      throw new AppError("unprocessable", `${input.externalId} is another deployment: it was announced here before, of another release.`, { type: "another-deployment", fields: [{ path: "externalId", message: "names another deployment" }] });
    }
    // A refusal is decided anew: it may be approved by now.
    if (before.outcome !== "refused" && RANK[input.status] <= RANK[before.status]) return { dto: await loadAnnouncement(tx, id) };
  }
  const decision = await readDecision(tx, place);
  const said: Said = { id, tx, ctx, place, decision, release, input, before };
  const came = input.status === "failed" ? await noteFailure(said) : await follow(said);
  await tx.$executeRaw`
    UPDATE announcements SET status = ${input.status}, outcome = ${came.outcome}, reason = ${came.refused ? came.refused.map(explainReason).join(" ") : null}, rollout_id = ${came.rolloutId}::uuid,
      tool = coalesce(${input.tool ?? null}, tool), by = coalesce(${input.by ?? null}, by), url = coalesce(${input.url ?? null}, url),
      announced_at = ${input.at === undefined ? new Date() : new Date(input.at)}, updated_at = clock_timestamp()
    WHERE id = ${id}::uuid`;
  if (came.rolloutId && input.tool) await tx.$executeRaw`UPDATE rollouts SET carried_out_by = ${input.tool} WHERE id = ${came.rolloutId}::uuid AND origin = 'external' AND carried_out_by IS DISTINCT FROM ${input.tool}`;
  const scope = { serviceId: place.service.id, serviceName: place.service.name, environmentId: place.environment.id };
  await recordChanges(tx, [{ topic: "assignment", ...scope, key: place.names.partition }, ...(came.rolloutId ? [{ topic: "rollout" as const, ...scope, key: came.rolloutId }] : [])]);
  return { dto: await loadAnnouncement(tx, id), ...(came.refused && { refused: came.refused }) };
}

/** Where Plumbline decides nobody else announces: what runs there is drift until somebody says otherwise. */
async function refuseOwnPlace(tx: Tx, { service, environment, names }: KnownPlace): Promise<void> {
  const [row] = await tx.$queryRaw<{ external: boolean }[]>`
    SELECT ${externalSql("p.service_id", "p.environment_id", "p.name")} AS external FROM partitions p WHERE p.service_id = ${service.id}::uuid AND p.environment_id = ${environment.id}::uuid AND p.name = ${names.partition}`;
  if (row?.external) return;
  throw new AppError("conflict", `Plumbline decides what runs here. Let others decide first: plumbline authority set ${service.name} ${environment.name} external.`, { type: "authority-plumbline" });
}

/** The release by its version, its bytes or its commit. Of several the newest that may run counts, else the newest. */
async function findAnnounced(tx: Tx, place: KnownPlace, { version, digest, commit }: Input): Promise<ReleaseRow> {
  if (version !== undefined) {
    const [release] = await readReleasesHere(tx, place, { version });
    if (!release) throw refusal([{ reason: "release-unknown" }]);
    return release;
  }
  const rows = await tx.$queryRaw<{ id: string; version: string; own: boolean; service: string }[]>`
    SELECT r.id::text, r.version, r.service_id = ${place.service.id}::uuid AS own, s.name::text AS service FROM releases r JOIN services s ON s.id = r.service_id
    WHERE (${digest ?? null}::text IS NOT NULL AND r.id IN (SELECT c.release_id FROM artifact_digests d JOIN release_components c ON c.artifact_id = d.artifact_id WHERE d.digest = ${digest ?? null}))
      OR (${commit ?? null}::text IS NOT NULL AND r.service_id = ${place.service.id}::uuid AND r.commits ->> 'head' = ${commit ?? null})
    ORDER BY r.registered_order DESC LIMIT 200`;
  const own = rows.filter((row) => row.own);
  const [foreign] = rows;
  if (own.length === 0) throw refusal([foreign ? { reason: "wrong-service", version: foreign.version, service: foreign.service } : { reason: "release-unknown" }]);
  const here = await readReleasesHere(tx, place, { ids: own.map(({ id }) => id) });
  const chosen = here.find((release) => release.approvedHere && !release.recalled) ?? here[0];
  if (!chosen) throw refusal([{ reason: "release-unknown" }]);
  return chosen;
}

/** One row per deployment: whoever comes second waits here for the first. */
async function claim(tx: Tx, ctx: Ctx, { place, release, input }: Pick<Said, "place" | "release" | "input">): Promise<{ id: string; before: Known | null }> {
  const id = randomUUID();
  const made = await tx.$executeRaw`
    INSERT INTO announcements (id, sender_id, external_id, service_id, environment_id, partition, release_id, status, outcome, announced_at)
    VALUES (${id}::uuid, ${ctx.actor.id}::uuid, ${input.externalId}, ${place.service.id}::uuid, ${place.environment.id}::uuid, ${place.names.partition}, ${release.id}::uuid, ${input.status}, 'noted', clock_timestamp())
    ON CONFLICT (sender_id, external_id, service_id, environment_id, partition) DO NOTHING`;
  if (made > 0) return { id, before: null };
  const [before] = await tx.$queryRaw<Known[]>`
    SELECT id::text, release_id::text, status, outcome, rollout_id::text FROM announcements
    WHERE sender_id = ${ctx.actor.id}::uuid AND external_id = ${input.externalId} AND service_id = ${place.service.id}::uuid AND environment_id = ${place.environment.id}::uuid AND partition = ${place.names.partition} FOR UPDATE`;
  if (!before) throw new Error("an announcement that is there was not found");
  return { id: before.id, before };
}

/** Started or done: the rollout that is followed already, or a new one. */
async function follow({ tx, ctx, place, decision, release, input, before }: Said): Promise<Came> {
  const last = await readLast(tx, place);
  // Seen and done before its deployer says so: that is still the same deployment, but not one of last week, and none that failed.
  const reached = last?.origin === "external" && last.to_release_id === release.id && last.recent && !last.failed ? last.id : null;
  const linked = before?.rollout_id ?? reached;
  if (linked !== null) {
    await tellRollout(tx, { rolloutId: linked, at: new Date(), kind: "announced", detail: { by: input.tool ?? input.by ?? null, message: input.status === "started" ? "it has started." : "it is done." } });
    return { outcome: "followed", rolloutId: linked };
  }
  if (decision.assigned?.releaseId === release.id && decision.activeRollout === null && !last?.failed) return { outcome: "there-already", rolloutId: null };
  const kind = decision.assigned && release.registeredSeq < decision.assigned.registeredSeq && (await wasAssigned(tx, place, release.id)) ? "rollback" : "promote";
  const reasons = await refuseExternal(tx, { place, decision, release, kind });
  if (reasons.length > 0) {
    if (last?.active) await tellRollout(tx, { rolloutId: last.id, at: new Date(), kind: "announced", detail: { by: input.tool ?? input.by ?? null, message: `${release.version} was announced and refused. ${reasons.map(explainReason).join(" ")}` } });
    return { outcome: "refused", rolloutId: null, refused: reasons };
  }
  // Who it was stays beside the ledger, of which nothing can be taken back.
  const announced = { externalId: input.externalId, tool: input.tool ?? null, url: input.url ?? null };
  const { id } = await openExternal(tx, ctx, { place, decision, release, kind, by: input.tool ?? null, announced });
  return { outcome: "followed", rolloutId: id };
}

/** What its own deployer gave up has failed, whatever still runs of it; what was left half-way is a finding. */
async function noteFailure(said: Said): Promise<Came> {
  const { tx, input } = said;
  const id = await findFailed(said);
  if (id === null) return { outcome: "noted", rolloutId: null };
  const who = input.tool ?? input.by ?? "Its deployer";
  const now = new Date();
  await tx.$executeRaw`UPDATE rollouts SET outcome = 'failed' WHERE id = ${id}::uuid`;
  await tellRollout(tx, { rolloutId: id, at: now, kind: "announced", detail: { by: who, message: "it failed." } });
  const rollout = await lockRollout(tx, id, { wait: true });
  if (rollout) await moveRollout(tx, rollout, { to: "failed", reason: `${who} says that it failed.` }, now);
  return { outcome: "followed", rolloutId: id };
}

/** The rollout that a failed deployment was: one that had ended before its first word was another one, of the same release. */
async function findFailed({ tx, place, release, before }: Said): Promise<string | null> {
  if (before?.rollout_id) {
    const [own] = await tx.$queryRaw<{ id: string }[]>`
      SELECT r.id::text FROM announcements n JOIN rollouts r ON r.id = n.rollout_id WHERE n.id = ${before.id}::uuid AND (r.finished_at IS NULL OR r.finished_at > n.received_at)`;
    return own?.id ?? null;
  }
  const last = await readLast(tx, place);
  return last?.active && last.origin === "external" && last.to_release_id === release.id ? last.id : null;
}

type LastRollout = { id: string; origin: string; to_release_id: string | null; active: boolean; failed: boolean; recent: boolean };

async function readLast(tx: Tx, { service, environment, names }: KnownPlace): Promise<LastRollout | null> {
  const [row] = await tx.$queryRaw<LastRollout[]>`
    SELECT id::text, origin, to_release_id::text, status IN ('planned', 'running', 'paused') AS active,
      status NOT IN ('planned', 'running', 'paused', 'succeeded', 'succeeded-will-revert') OR coalesce(outcome = 'failed', false) AS failed, finished_at IS NULL OR finished_at > clock_timestamp() - interval '1 hour' AS recent FROM rollouts
    WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ${names.partition} ORDER BY created_at DESC, number DESC LIMIT 1`;
  return row ?? null;
}

async function wasAssigned(tx: Tx, { service, environment, names }: KnownPlace, releaseId: string): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ was: boolean }[]>`
    SELECT EXISTS (SELECT FROM rollouts WHERE service_id = ${service.id}::uuid AND environment_id = ${environment.id}::uuid AND partition = ${names.partition}
      AND (to_release_id = ${releaseId}::uuid OR from_release_id = ${releaseId}::uuid)) AS was`;
  return row?.was ?? false;
}
