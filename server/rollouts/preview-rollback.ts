import type { z } from "zod";
import type { previewQuery, RollbackPreview } from "@/lib/contract/rollouts";
import { checkRollback } from "@/lib/domain/rollout/check-rollback";
import { chooseLastKnownGood, type EvidenceCheck, type LastKnownGood } from "@/lib/domain/rollout/last-known-good";
import { planRollout } from "@/lib/domain/rollout/plan";
import { explainReason, explainWarning } from "@/lib/domain/rollout/reasons";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { notFound } from "@/server/errors";
import { membersOf, decisionState, readDecision, readOfferedSince, readReleasesHere, revisionOf, type Decision, type ReleaseRow } from "./read-decision";
import { readHistory } from "./read-history";
import { isKnownPlace, readPlace, type KnownPlace } from "./read-place";
import { NO_CANDIDATE } from "./refuse-reasons";
import { encodeRevision } from "./revision";

const MAX_CANDIDATES = 20;
/** From here on the button is held, not clicked. */
const HOLD_FROM_TARGETS = 50;

/**
 * What a rollback would do and why it may or may not start, by the same decision that the server takes when it starts.
 * Reads one snapshot and locks nothing. @throws AppError not-found
 */
export async function previewRollback({ ctx, input }: { ctx: Ctx; input: z.output<typeof previewQuery> }): Promise<RollbackPreview> {
  authorise(ctx, "rollouts.read", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`;
    const place = await readPlace(tx, input);
    if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
    const decision = await readDecision(tx, place);
    const history = await readHistory(tx, place);
    const good = chooseLastKnownGood({ records: history, currentReleaseId: decision.assigned?.releaseId ?? null });
    const releases = await readReleasesHere(tx, place, {});
    const chosen = input.version === undefined ? (releases.find(({ id }) => id === good.release?.id) ?? null) : ((await readReleasesHere(tx, place, { version: input.version }))[0] ?? null);
    const check = await checkOne(tx, ctx, { place, decision, release: chosen });
    const candidates = releases.filter((release) => release.id !== decision.assigned?.releaseId && (release.ranHere || release.approvedHere)).slice(0, MAX_CANDIDATES);
    const records = new Map(history.map((record) => [record.releaseId, record]));
    const chosenRecord = chosen && records.get(chosen.id);
    const shownEvidence = chosenRecord ? chooseLastKnownGood({ records: [chosenRecord], currentReleaseId: null }) : null;
    const evidence = chosen?.id === good.release?.id ? good : shownEvidence;
    const [now] = await tx.$queryRaw<{ at: Date; size: bigint }[]>`SELECT clock_timestamp() AS at, size FROM ledger_head`;
    const kind = chosen !== null && chosen.id === decision.assigned?.releaseId ? "reconverge" : "rollback";
    const targets = membersOf(decision, kind);
    return {
      service: place.service.name,
      environment: place.environment.name,
      partition: place.names.partition,
      protected: place.environment.protected,
      allowed: check.ok,
      kind,
      reasons: check.ok
        ? check.warnings.map((warning) => ({ reason: warning.warning, sentence: explainWarning(warning) }))
        : check.reasons.map((reason) => ({ reason: reason.reason, sentence: reason.reason === "release-unknown" && input.version === undefined ? NO_CANDIDATE : explainReason(reason) })),
      assigned: decision.assigned && { id: decision.assigned.releaseId, version: decision.assigned.version, digest: releases.find(({ id }) => id === decision.assigned?.releaseId)?.digest ?? null },
      to: chosen && { id: chosen.id, version: chosen.version, digest: chosen.digest },
      running: decision.running.map(({ version, digest, instances, releaseId }) => ({ version, digest: digest ?? releases.find(({ id }) => id === releaseId)?.digest ?? null, instances })),
      candidates: await Promise.all(
        candidates.map(async (release) => {
          const answer = await checkOne(tx, ctx, { place, decision, release });
          return {
            id: release.id,
            version: release.version,
            digest: release.digest,
            lastKnownGood: release.id === good.release?.id,
            eligible: answer.ok,
            reasons: answer.ok ? [] : answer.reasons.map((reason) => ({ reason: reason.reason, sentence: explainReason(reason) })),
          };
        }),
      ),
      instances: targets.reduce((sum, target) => sum + target.instances, 0),
      targets: targets.length,
      actable: targets.filter(({ canAct }) => canAct).length,
      regions: sumBy(targets.map((target) => ({ name: target.region ?? "no region", count: target.instances }))).map(([region, instances]) => ({ region, instances })),
      waves: planRollout(targets.map((target) => ({ key: target.id.toString(), partition: place.names.partition, region: target.region, labels: {} })), { kind: "all-at-once" }).waves.map((wave) => ({ name: wave.name, targets: wave.targets.length })),
      estimateMs: await readEstimate(tx, place),
      evidence: describeEvidence(evidence),
      weakEvidence: evidence?.weak ?? true,
      willNotUndo: ["Data that the newer release wrote, and migrations that it ran, stay as they are.", "Messages that were sent, and calls to other services, are not taken back."],
      managers: describeManagers(targets),
      activeRollout: decision.activeRollout && { id: decision.activeRollout.id, number: Number(decision.activeRollout.number), kind: decision.activeRollout.kind },
      ledgerSize: Number(now?.size ?? 0),
      revision: encodeRevision(revisionOf(decision, chosen)),
      asOf: (now?.at ?? new Date(0)).toISOString(),
      confirm: (!check.ok && check.reasons.some(({ reason }) => reason === "needs-forward-fix")) || (evidence?.weak ?? true) ? "type" : place.environment.protected || targets.length >= HOLD_FROM_TARGETS ? "hold" : "click",
    };
  });
}

async function checkOne(tx: Tx, ctx: Ctx, { place, decision, release }: { place: KnownPlace; decision: Decision; release: ReleaseRow | null }): Promise<ReturnType<typeof checkRollback>> {
  return checkRollback({
    ...decisionState(ctx, "rollouts.rollback", decision, release, null),
    release,
    offeredSince: release ? await readOfferedSince(tx, place, release.id) : [],
    forwardFixAccepted: false,
  });
}

async function readEstimate(tx: Tx, place: KnownPlace): Promise<RollbackPreview["estimateMs"]> {
  const [row] = await tx.$queryRaw<{ fastest: number | null; slowest: number | null }[]>`
    SELECT min(ms)::float8 AS fastest, max(ms)::float8 AS slowest FROM (
      SELECT extract(epoch FROM finished_at - created_at) * 1000 AS ms FROM rollouts
      WHERE service_id = ${place.service.id}::uuid AND environment_id = ${place.environment.id}::uuid AND partition = ${place.names.partition} AND status = 'succeeded' AND finished_at > created_at
      ORDER BY created_at DESC LIMIT 5) last_ones`;
  return row?.fastest == null || row.slowest === null ? null : { from: Math.round(row.fastest), to: Math.round(row.slowest) };
}

const CHECK_NAMES: Record<EvidenceCheck, string> = {
  approved: "Approved here",
  "not-recalled": "Not recalled",
  "ran-on-enough": "Ran on enough targets",
  "ran-long-enough": "Ran long enough",
  healthy: "Was healthy",
  "restarts-steady": "Restarts steady",
  "not-rolled-back": "No rollback left it",
};

/** What was observed, and what nobody looked at. */
function describeEvidence(good: LastKnownGood | null): RollbackPreview["evidence"] {
  const seen = (good?.evidence ?? []).map(({ check, detail, ok, required, at }) => ({ check: CHECK_NAMES[check], sentence: detail, ok, required, at: Number.isFinite(at) ? new Date(at).toISOString() : null }));
  return [...seen, { check: "Still in the registry", sentence: "not checked: no registry is connected", ok: null, required: false, at: null }];
}

/** Who manages the targets, and whether it puts its own version back. */
function describeManagers(targets: Decision["targets"]): RollbackPreview["managers"] {
  const managers = new Map<string, RollbackPreview["managers"][number]>();
  for (const { managedBy } of targets) {
    if (!managedBy) continue;
    const willRevert = managedBy.autoSync !== false;
    const key = `${managedBy.tool} ${willRevert}`;
    managers.set(key, { tool: managedBy.tool, willRevert, targets: (managers.get(key)?.targets ?? 0) + 1 });
  }
  return [...managers.values()].sort((a, b) => b.targets - a.targets);
}

function sumBy(items: readonly { name: string; count: number }[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const { name, count } of items) sums.set(name, (sums.get(name) ?? 0) + count);
  return [...sums].sort((a, b) => b[1] - a[1]);
}
