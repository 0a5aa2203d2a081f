import type { z } from "zod";
import type { RolloutPreview, rolloutPreviewQuery } from "@/lib/contract/rollouts";
import type { Verb } from "@/lib/domain/access/permissions";
import { checkPromotion, checkReconverge, checkReplace, checkRollback, checkStop } from "@/lib/domain/rollout/check-rollback";
import { describeGate } from "@/lib/domain/rollout/describe-gate";
import { describeStrategy } from "@/lib/domain/rollout/describe-strategy";
import { chooseLastKnownGood, type EvidenceCheck, type LastKnownGood, type LastKnownGoodPolicy, type ReleaseRecord } from "@/lib/domain/rollout/last-known-good";
import { nativeWays } from "@/lib/domain/rollout/native-ways";
import { explainReason, explainWarning, type RefusalReason, type Warning } from "@/lib/domain/rollout/reasons";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import type { Strategy } from "@/lib/domain/rollout/strategy";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact, type Tx } from "@/server/db";
import { adoptedMark } from "@/server/drift/read-references";
import { notFound } from "@/server/errors";
import { describeDifference } from "./describe-difference";
import { keepObserved } from "./keep-observed";
import { planMembers } from "./plan-members";
import { promotionStrategy } from "./promotion-strategy";
import { chooseMembers, decisionState, namedFirst, readDecision, readOfferedSince, readReleasesHere, revisionOf, type Decision, type ReleaseRow, type TargetRow } from "./read-decision";
import { readDecided, readObserved } from "./read-history";
import { isKnownPlace, readPlace, type KnownPlace } from "./read-place";
import { NO_CANDIDATE } from "./refuse-reasons";
import { encodeRevision } from "./revision";

const MAX_CANDIDATES = 20;
/** From here on the button is held, not clicked. */
const HOLD_FROM_TARGETS = 50;
const VERB: Record<RolloutKind, Verb> = { promote: "rollouts.promote", rollback: "rollouts.rollback", reconverge: "rollouts.reconverge", replace: "rollouts.replace", stop: "rollouts.stop" };

type Input = Omit<z.output<typeof rolloutPreviewQuery>, "strategy"> & { strategy?: z.output<typeof rolloutPreviewQuery>["strategy"] };
type Check = { ok: true; kind: RolloutKind; warnings: Warning[] } | { ok: false; reasons: RefusalReason[] };

/**
 * What a rollout of any kind would do and why it may or may not start, by the same decision that the server takes when it
 * starts. Reads one snapshot and locks nothing. @throws AppError not-found, unprocessable for a target that is not here
 */
export async function previewRollout({ ctx, input }: { ctx: Ctx; input: Input }): Promise<RolloutPreview> {
  authorise(ctx, "rollouts.read", { service: input.service, environment: input.environment });
  return transact(ctx.db, async (tx) => {
    await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`;
    const place = await readPlace(tx, input, { ctx, verb: "rollouts.read" });
    if (!isKnownPlace(place)) throw notFound(place.service ? "environment" : "service");
    const decision = await readDecision(tx, place);
    const observed = await readObserved(tx, place);
    // Who decides next tells hosts what they can go back to, and has it read already.
    void keepObserved(ctx, place, Promise.resolve(observed));
    const history = await readDecided(tx, place, observed);
    const policy = decision.strategy.strategy.lastKnownGood;
    const good = chooseLastKnownGood({ records: history, current: decision.assigned, policy });
    const releases = await readReleasesHere(tx, place, { also: namedFirst(decision, good, history) });
    const chosen = await chooseRelease(tx, place, { input, decision, releases, good });
    const check = await checkOne(tx, ctx, { kind: input.kind, place, decision, release: chosen });
    const kind = input.kind === "rollback" && chosen !== null && chosen.id === decision.assigned?.releaseId ? "reconverge" : input.kind;
    const targets = chooseMembers(decision, kind, chosen?.id ?? null, input.targets);
    const strategy = strategyFor(decision, kind, input);
    const plan = planMembers(targets, place.names.partition, strategy);
    const byKey = new Map(targets.map((target) => [target.id.toString().padStart(19, "0"), target]));
    const evidence = evidenceFor(chosen, good, history, policy);
    const [now] = await tx.$queryRaw<{ at: Date; size: bigint }[]>`SELECT clock_timestamp() AS at, size FROM ledger_head`;
    const { migrations, ...differs } = await describeDifference(tx, place.service.id, decision.assigned?.releaseId ?? null, kind === "promote" || kind === "rollback" ? (chosen?.id ?? null) : null);
    const forwardFix = check.ok ? null : (check.reasons.find((reason) => reason.reason === "needs-forward-fix") ?? null);
    const candidates = input.kind === "rollback" ? candidatesOf(releases, decision, good) : [];
    const weighed = await Promise.all(candidates.map(async (release) => ({ release, answer: await checkOne(tx, ctx, { kind: "rollback", place, decision, release }) })));
    const [newestCompatible = null] = weighed.flatMap(({ answer, release }) => (answer.ok ? release : [])).toSorted((a, b) => b.registeredSeq - a.registeredSeq);
    const assignedHere = releases.find(({ id }) => id === decision.assigned?.releaseId);
    const isWeak = kind === "rollback" && (evidence?.weak ?? true);
    return {
      service: place.service.name,
      environment: place.environment.name,
      partition: place.names.partition,
      protected: place.environment.protected,
      allowed: check.ok,
      kind,
      reasons: check.ok ? [] : check.reasons.map((reason) => ({ reason: reason.reason, sentence: reason.reason === "release-unknown" && kind === "rollback" && input.version === undefined ? NO_CANDIDATE : explainReason(reason) })),
      warnings: check.ok ? check.warnings.map((warning) => ({ reason: warning.warning, sentence: explainWarning(warning) })) : [],
      assigned: decision.assigned && { id: decision.assigned.releaseId, version: decision.assigned.version, digest: assignedHere?.digest ?? null, ...adoptedMark(assignedHere?.adopted) },
      to: refOf(chosen),
      running: decision.running.map(({ version, digest, instances, releaseId }) => ({ version, digest: digest ?? releases.find(({ id }) => id === releaseId)?.digest ?? null, instances })),
      candidates: weighed.map(({ release, answer }) => ({
        id: release.id,
        version: release.version,
        digest: release.digest,
        ...adoptedMark(release.adopted),
        lastKnownGood: !good.weak && release.id === good.release?.id,
        eligible: answer.ok,
        reasons: answer.ok ? [] : answer.reasons.map((reason) => ({ reason: reason.reason, sentence: explainReason(reason) })),
      })),
      instances: targets.reduce((sum, target) => sum + target.instances, 0),
      targets: targets.length,
      actable: targets.filter(({ canAct }) => canAct).length,
      regions: sumBy(targets.map((target) => ({ name: target.region ?? "no region", count: target.instances }))).map(([region, instances]) => ({ region, instances })),
      waves: plan.waves.map((wave) => {
        const members = wave.targets.flatMap((key) => byKey.get(key) ?? []);
        return { ordinal: wave.index + 1, name: wave.name, targets: members.length, instances: members.reduce((sum, { instances }) => sum + instances, 0), sample: members.slice(0, 5).map(({ key, agentName }) => `${key} on ${agentName}`), gate: describeGate(wave.gate) };
      }),
      planNotes: targets.length === 0 && decision.targets.length > 0 ? ["Every target is there already."] : [...plan.notes],
      strategy: { version: decision.strategy.version, sentence: describeStrategy(strategy) },
      estimateMs: await readEstimate(tx, place),
      evidence: kind === "rollback" ? describeEvidence(evidence) : [],
      weakEvidence: isWeak,
      willNotUndo: willNotUndo(kind, migrations),
      ...differs,
      forwardFix: forwardFix?.reason === "needs-forward-fix" ? { release: forwardFix.release, migration: forwardFix.migration, compatibleBackTo: forwardFix.compatibleBackTo, newestCompatible: refOf(newestCompatible) } : null,
      ways: await describeWays(tx, place, targets, kind === "stop" ? null : chosen),
      executor: decision.executor && { name: decision.executor.name, kind: decision.executor.kind },
      freeze: decision.freeze && { name: decision.freeze.name, until: decision.freeze.until?.toISOString() ?? null },
      hold: decision.hold && { entry: Number(decision.hold.entry) },
      pin: decision.pin && { entry: Number(decision.pin.entry), reason: decision.pin.reason, until: decision.pin.until?.toISOString() ?? null },
      activeRollout: decision.activeRollout && { id: decision.activeRollout.id, number: Number(decision.activeRollout.number), kind: decision.activeRollout.kind },
      ledgerSize: Number(now?.size ?? 0),
      revision: encodeRevision(revisionOf(decision, chosen)),
      asOf: (now?.at ?? new Date(0)).toISOString(),
      confirm: kind === "stop" || forwardFix !== null || isWeak ? "type" : place.environment.protected || targets.length >= HOLD_FROM_TARGETS ? "hold" : "click",
    };
  });
}

const refOf = (release: ReleaseRow | null): RolloutPreview["to"] => release && { id: release.id, version: release.version, digest: release.digest, ...adoptedMark(release.adopted) };

/** What a rollback may go to: the last known good, what ran here, then what else may run, the newest of each first. */
function candidatesOf(releases: readonly ReleaseRow[], decision: Decision, good: LastKnownGood): ReleaseRow[] {
  const rank = (release: ReleaseRow): number => (release.id === good.release?.id ? 0 : release.ranHere ? 1 : 2);
  return releases
    .filter((release) => release.id !== decision.assigned?.releaseId && (release.ranHere || release.approvedHere))
    .toSorted((a, b) => rank(a) - rank(b))
    .slice(0, MAX_CANDIDATES);
}

/** The named release; else what the kind means by itself: the last known good, what is assigned, or nothing. */
async function chooseRelease(tx: Tx, place: KnownPlace, { input, decision, releases, good }: { input: Input; decision: Decision; releases: readonly ReleaseRow[]; good: LastKnownGood }): Promise<ReleaseRow | null> {
  if (input.kind === "stop") return null;
  const takesVersion = input.kind === "promote" || input.kind === "rollback";
  if (takesVersion && input.version !== undefined) return (await readReleasesHere(tx, place, { version: input.version }))[0] ?? null;
  const id = input.kind === "rollback" ? good.release?.id : input.kind === "promote" ? undefined : decision.assigned?.releaseId;
  return releases.find((release) => release.id === id) ?? null;
}

function strategyFor(decision: Decision, kind: RolloutKind, { strategy = "environment", targets }: Input): Strategy {
  if (kind === "promote") return promotionStrategy(decision, strategy === "all-at-once" ? strategy : "environment");
  const { promote, rollback } = decision.strategy.strategy;
  const inWaves = (kind === "replace" && targets === undefined) || (kind === "rollback" && strategy === "waves");
  return inWaves ? { ...promote, onFailure: "pause" } : rollback;
}

async function checkOne(tx: Tx, ctx: Ctx, { kind, place, decision, release }: { kind: RolloutKind; place: KnownPlace; decision: Decision; release: ReleaseRow | null }): Promise<Check> {
  const state = { ...decisionState(ctx, VERB[kind], decision, release, null), release };
  switch (kind) {
    case "promote":
      return checkPromotion({
        ...state,
        hold: decision.hold && { id: decision.hold.id, detail: `entry ${decision.hold.entry}` },
        freeze: decision.freeze && { name: decision.freeze.name, until: decision.freeze.until?.toISOString() ?? null, overridden: false },
      });
    case "rollback":
      return checkRollback({ ...state, offeredSince: release ? await readOfferedSince(tx, place, release.id) : [], forwardFixAccepted: false });
    case "reconverge":
      return checkReconverge(state);
    case "replace":
      return checkReplace(state);
    case "stop":
      // Nothing has been typed yet: the page asks for it, and the start checks it.
      return checkStop({ ...state, typed: place.service.name });
    default:
      return kind satisfies never;
  }
}

function evidenceFor(chosen: ReleaseRow | null, good: LastKnownGood, history: readonly ReleaseRecord[], policy: LastKnownGoodPolicy): LastKnownGood | null {
  if (chosen === null || chosen.id === good.release?.id) return chosen === null ? null : good;
  const record = history.find(({ releaseId }) => releaseId === chosen.id);
  return record ? chooseLastKnownGood({ records: [record], current: null, policy }) : null;
}

function willNotUndo(kind: RolloutKind, migrations: readonly string[]): string[] {
  switch (kind) {
    case "rollback":
      return [
        ...(migrations.length > 0 ? [`Migrations that ran since stay as they are: ${migrations.slice(0, 5).join("; ")}${migrations.length > 5 ? ` and ${migrations.length - 5} more` : ""}.`] : []),
        "Data that the newer release wrote stays as it is.",
        "Settings, secrets and flags stay as they are; only the bytes change.",
        "Messages that were sent, and calls to other services, are not taken back.",
      ];
    case "replace":
      return ["Whatever was changed inside the old copies is lost with them; mounted volumes stay."];
    case "stop":
      return ["Nothing answers here any more, until a release is promoted. Data and volumes stay."];
    case "promote":
    case "reconverge":
      return [];
    default:
      return kind satisfies never;
  }
}

async function readEstimate(tx: Tx, place: KnownPlace): Promise<RolloutPreview["estimateMs"]> {
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
function describeEvidence(good: LastKnownGood | null): RolloutPreview["evidence"] {
  const seen = (good?.evidence ?? []).map(({ check, detail, ok, required, at }) => ({ check: CHECK_NAMES[check], sentence: detail, ok, required, at: Number.isFinite(at) ? new Date(at).toISOString() : null }));
  return [
    ...seen,
    { check: "Signature", sentence: "signature not checked: no registry is connected", ok: null, required: false, at: null },
    { check: "Still in the registry", sentence: "still fetchable: not checked, no registry is connected", ok: null, required: false, at: null },
  ];
}

/** Who manages the targets, with their own way there, the ones that put their own version back first. */
async function describeWays(tx: Tx, place: KnownPlace, targets: readonly TargetRow[], release: ReleaseRow | null): Promise<RolloutPreview["ways"]> {
  const managers = new Map<string, { manager: NonNullable<TargetRow["managedBy"]>; targets: number }>();
  for (const { managedBy } of targets) {
    if (!managedBy) continue;
    const key = JSON.stringify([managedBy.tool, managedBy.name, managedBy.detail, managedBy.autoSync]);
    managers.set(key, { manager: managedBy, targets: (managers.get(key)?.targets ?? 0) + 1 });
  }
  if (managers.size === 0 || release === null) return [];
  const [component] = await tx.$queryRaw<{ repository: string | null; digest: string }[]>`
    SELECT c.repository, a.digest::text FROM release_components c JOIN artifacts a ON a.id = c.artifact_id WHERE c.release_id = ${release.id}::uuid ORDER BY c.name = 'main' DESC, c.name LIMIT 1`;
  const to = { service: place.service.name, environment: place.environment.name, version: release.version, repository: component?.repository ?? place.service.name, digest: component?.digest ?? release.digest ?? "" };
  return [...managers.values()]
    .map(({ manager, targets: count }) => ({ ...nativeWays(manager, to), targets: count }))
    .sort((a, b) => Number(b.willRevert === true) - Number(a.willRevert === true) || b.targets - a.targets)
    .slice(0, 20);
}

function sumBy(items: readonly { name: string; count: number }[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const { name, count } of items) sums.set(name, (sums.get(name) ?? 0) + count);
  return [...sums].sort((a, b) => b[1] - a[1]);
}
