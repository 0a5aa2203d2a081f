import { severityOf } from "../drift/categories";
import type { NoticeEvent } from "./events";
import { describeNotice, findingKey, listNoticeFacts, noticeLink, noticeLinkText, type Notice } from "./notice";

/** What an event of PagerDuty does: it opens an incident, or closes the one with the same key. */
const ACTIONS: Partial<Record<NoticeEvent, "trigger" | "resolve">> = { paused: "trigger", failed: "trigger", resumed: "resolve", "rolled-back": "resolve", succeeded: "resolve", aborted: "resolve", superseded: "resolve", "finding-opened": "trigger", "finding-resolved": "resolve" };

/** Whether a notice means something to PagerDuty; somebody is woken by it, so progress does not. */
export function isForPagerDuty(notice: NoticeEvent): boolean {
  return ACTIONS[notice] !== undefined;
}

/** PagerDuty's Events API v2. */
export interface PagerDutyEvent {
  routing_key: string;
  event_action: "trigger" | "resolve";
  dedup_key: string;
  payload?: { summary: string; source: string; severity: "critical" | "error" | "warning" | "info"; timestamp: string; component: string; group: string; class: string; custom_details: Record<string, string> };
  links?: { href: string; text: string }[];
  client?: string;
  client_url?: string;
}

const MOST_SUMMARY = 1_024;

/**
 * A notice as events for PagerDuty, to be sent in order. An incident belongs to a rollout; a good end also closes those of
 * earlier rollouts of the same place, which nobody would close otherwise. One about findings belongs to their cause. A
 * test opens and closes one.
 */
export function toPagerDuty(notice: Notice, { routingKey, origin, id }: { routingKey: string; origin: string; id: string }): PagerDutyEvent[] {
  const resolve = (key: string): PagerDutyEvent => ({ routing_key: routingKey, event_action: "resolve", dedup_key: key });
  const { rollout, finding } = notice;
  if (finding) {
    const key = `plumbline/${findingKey(finding)}`;
    if (notice.event === "finding-resolved") return [resolve(key)];
    return [trigger(notice, { routingKey, origin, key, severity: severityOf(finding.kind) !== "critical" ? "warning" : finding.protected ? "critical" : "error" })];
  }
  if (!rollout || notice.event === "test") {
    const key = `plumbline/test/${id}`;
    return [trigger(notice, { routingKey, origin, key, severity: "info" }), resolve(key)];
  }
  const action = ACTIONS[notice.event];
  if (action === undefined) return [];
  if (action === "resolve") return [...new Set([rollout.id, ...notice.settles])].map((each) => resolve(keyOf(each)));
  const severity = notice.event === "paused" ? "warning" : rollout.protected ? "critical" : "error";
  return [trigger(notice, { routingKey, origin, key: keyOf(rollout.id), severity })];
}

function keyOf(rolloutId: string): string {
  return `plumbline/rollout/${rolloutId}`;
}

function trigger(notice: Notice, { routingKey, origin, key, severity }: { routingKey: string; origin: string; key: string; severity: NonNullable<PagerDutyEvent["payload"]>["severity"] }): PagerDutyEvent {
  const href = noticeLink(notice, origin);
  return {
    routing_key: routingKey,
    event_action: "trigger",
    dedup_key: key,
    payload: {
      summary: describeNotice(notice).slice(0, MOST_SUMMARY),
      source: origin,
      severity,
      timestamp: notice.at,
      component: (notice.finding ?? notice.rollout)?.service ?? "plumbline",
      group: (notice.finding ?? notice.rollout)?.environment ?? "plumbline",
      class: notice.finding ? `finding ${notice.finding.kind}` : `rollout ${notice.event}`,
      custom_details: Object.fromEntries(listNoticeFacts(notice)),
    },
    links: [{ href, text: noticeLinkText(notice) }],
    client: "Plumbline",
    client_url: href,
  };
}
