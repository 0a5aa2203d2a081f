import type { GroupDto, RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { personNeeded, type End } from "./decide-exit";
import type { Away } from "./render-progress";

type Frame = { at: string; away: Away | null; end: End | null };

/** One JSON line about a rollout, for machines. `final` and `exit` stand on the last one alone. */
export function rolloutLine(rollout: RolloutDetail, { at, away, end }: Frame) {
  return {
    at,
    rollout: rollout.id,
    ...summaryOf(rollout),
    waitsForPerson: personNeeded(rollout),
    waves: rollout.waves.map(({ ordinal, name, status, statusReason, counts, soakUntil, goAhead, check }) => ({ ordinal, name, status, reason: statusReason, counts, soakUntil, needsGoAhead: goAhead.needed && goAhead.by === null, check: check?.status ?? null })),
    stuck: rollout.stuck.map(({ reason, sentence, next, count, where }) => ({ reason, sentence, next, count, where })),
    ...frameOf(away, end),
  };
}

/** One JSON line about several rollouts of one decision. */
export function groupLine(group: GroupDto, { at, away, end }: Frame) {
  return { at, group: group.id, counts: group.counts, rollouts: group.rollouts.map((rollout) => ({ rollout: rollout.id, ...summaryOf(rollout) })), skipped: group.skipped, ...frameOf(away, end) };
}

function summaryOf(rollout: RolloutDto) {
  const { number, service, environment, partition, kind, status, statusReason, counts, waitingFor, estimateMs } = rollout;
  return { number, service, environment, partition, kind, status, reason: statusReason, to: rollout.to?.version ?? null, entry: rollout.entry, counts, waitingFor, estimateMs, revertedBy: rollout.revertedBy?.id ?? null };
}

function frameOf(away: Away | null, end: End | null) {
  return { server: away ? ("away" as const) : ("answers" as const), ...(end ? { final: true as const, exit: end.exit, sentence: end.sentence } : { final: false as const }) };
}

/** Equal for two lines between which nothing happened: time alone, and what is estimated from it, is no change. */
export function changeKey(line: object): string {
  return JSON.stringify(line, (key: string, value: unknown) => (key === "at" || key === "estimateMs" ? undefined : value));
}
