import { describeRolloutNotice, ROLLOUT_NOTICES, type RolloutNotice } from "../rollout/notices";

/** What is told about findings: one message per cause. */
export const FINDING_NOTICES = ["finding-opened", "finding-resolved"] as const;
export type FindingNotice = (typeof FINDING_NOTICES)[number];

/** Everything that a channel can be told. */
export const NOTICE_EVENTS = [...ROLLOUT_NOTICES, ...FINDING_NOTICES] as const;
export type NoticeEvent = RolloutNotice | FindingNotice;

export function isFindingNotice(event: string): event is FindingNotice {
  return FINDING_NOTICES.some((one) => one === event);
}

/** What each is, in words for people who choose. */
export function describeEvent(event: NoticeEvent): string {
  if (event === "finding-opened") return "Something deviates in an environment that enforces";
  if (event === "finding-resolved") return "What deviated there is in order again";
  return describeRolloutNotice(event);
}
