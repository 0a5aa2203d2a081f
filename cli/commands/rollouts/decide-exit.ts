import type { RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { ACTIVE_ROLLOUT_STATUSES, type RolloutStatus } from "@/lib/domain/rollout/statuses";
import { EXIT } from "@/cli/client";

/** What following one or several rollouts has come to. */
export type Standing = {
  over: boolean;
  good: boolean;
  /** What somebody has to do before it goes on; null when nobody has to. */
  needsPerson: string | null;
  /** How it stands, for people. */
  sentence: string;
};

export type End = { exit: number; sentence: string };

export const isActive = (status: RolloutStatus): boolean => ACTIVE_ROLLOUT_STATUSES.some((active) => active === status);

/** What a person has to do before the rollout goes on, with the command for it; null when nobody has to. */
export function personNeeded(rollout: Pick<RolloutDetail, "number" | "status" | "statusReason" | "waves">): string | null {
  if (rollout.status === "paused") {
    const failed = rollout.waves.some((wave) => wave.status === "failed");
    return `It is paused${rollout.statusReason ? ` (${rollout.statusReason.replace(/\.$/, "")})` : ""}: plumbline rollout resume R-${rollout.number}${failed ? " --failed retry|accept" : ""}`;
  }
  if (!isActive(rollout.status)) return null;
  const waiting = rollout.waves.find((wave) => wave.status === "waiting" && wave.goAhead.needed && wave.goAhead.by === null);
  return waiting ? `Wave ${waiting.ordinal} (${waiting.name}) waits for a person: plumbline rollout go-ahead R-${rollout.number} --wave ${waiting.ordinal}` : null;
}

/** How one rollout stands. */
export function standingOf(rollout: RolloutDetail): Standing {
  return { over: !isActive(rollout.status), good: isGood(rollout.status), needsPerson: personNeeded(rollout), sentence: describeEnd(rollout) };
}

/** How several rollouts of one decision stand together. Who only lists them does not know what a wave waits for, but sees a pause. */
export function standingOfGroup(rollouts: readonly RolloutDto[], skipped: number): Standing {
  const over = rollouts.every(({ status }) => !isActive(status));
  const good = rollouts.every(({ status }) => isGood(status));
  const active = rollouts.filter(({ status }) => isActive(status));
  const paused = rollouts.filter(({ status }) => status === "paused");
  // Only when all that is left waits for somebody does the whole of it.
  const stuck = paused.length > 0 && paused.length === active.length;
  const done = rollouts.filter(({ status }) => isGood(status)).length;
  return {
    over,
    good: good && skipped === 0,
    needsPerson: stuck ? `${paused.map(({ number, service }) => `R-${number} (${service})`).join(", ")} ${paused.length === 1 ? "is" : "are"} paused: plumbline rollout resume R-…` : null,
    sentence: `${done} of ${rollouts.length} rollouts succeeded${skipped > 0 ? `, ${skipped} could not be started` : ""}`,
  };
}

function isGood(status: RolloutStatus): boolean {
  return status === "succeeded" || status === "succeeded-will-revert";
}

/** How a rollout stands or ended, in one line. */
export function describeEnd(rollout: Pick<RolloutDto, "number" | "status" | "statusReason" | "counts" | "to" | "revertedBy">): string {
  const reason = rollout.statusReason ? `: ${rollout.statusReason.replace(/\.$/, "")}` : "";
  const undone = rollout.revertedBy ? `; R-${rollout.revertedBy.number} rolls it back` : "";
  const revert = rollout.status === "succeeded-will-revert" && !rollout.statusReason ? ": another tool will put its own version back" : "";
  return `R-${rollout.number} ${rollout.status}${reason}${revert}${undone}; ${rollout.counts.verified} of ${rollout.counts.total} verified on ${rollout.to?.version ?? "nothing"}`;
}

/**
 * Whether following ends now, and how: 0 done, 1 failed or stopped, 5 waits for a person whom nobody waits for, 4 the
 * server is away when the time is up, 124 the time is up. Null: go on. An end that the server told is never a timeout.
 * @param standing null before the first answer
 */
export function decideExit(input: { standing: Standing | null; away: boolean; timedOut: boolean; waitForPeople: boolean }): End | null {
  const { standing, away, timedOut, waitForPeople } = input;
  if (standing?.over) return { exit: standing.good ? EXIT.ok : EXIT.failed, sentence: standing.sentence };
  if (standing?.needsPerson && !waitForPeople) return { exit: EXIT.person, sentence: standing.needsPerson };
  if (!timedOut) return null;
  if (away) return { exit: EXIT.unreachable, sentence: "The server did not come back in time. What it started goes on without this command." };
  return { exit: EXIT.timeout, sentence: `Not done in time; it goes on. ${standing ? standing.sentence : "Nothing is known of it yet"}.` };
}
