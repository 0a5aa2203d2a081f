/** What is told to other systems about a rollout, in the order in which it may come about. */
export const ROLLOUT_NOTICES = [
  "started",
  "wave-passed",
  "waiting",
  "paused",
  "resumed",
  "failed",
  "rolled-back",
  "succeeded",
  "aborted",
  "superseded",
] as const;
export type RolloutNotice = (typeof ROLLOUT_NOTICES)[number];

/** What each is, in words for people who choose. */
export function describeRolloutNotice(notice: RolloutNotice): string {
  switch (notice) {
    case "started":
      return "A rollout starts";
    case "wave-passed":
      return "A wave has passed";
    case "waiting":
      return "A wave waits for a person, a check or the end of a freeze";
    case "paused":
      return "A rollout pauses, by itself or by a person";
    case "resumed":
      return "A paused rollout goes on";
    case "failed":
      return "A rollout has failed";
    case "rolled-back":
      return "A failed rollout was rolled back by itself";
    case "succeeded":
      return "A rollout is done";
    case "aborted":
      return "A rollout was stopped by a person";
    case "superseded":
      return "Another rollout took its place";
    default:
      return notice satisfies never;
  }
}
