import { describeNotice, listNoticeFacts, noticeLink, noticeLinkText, type Notice } from "./notice";

/** The message of a Slack incoming webhook. Others that speak it (Mattermost, Rocket.Chat) read `text` alone. */
export interface SlackMessage {
  text: string;
  blocks: { type: "section"; text?: { type: "plain_text"; text: string; emoji: false } | { type: "mrkdwn"; text: string; verbatim: true }; fields?: { type: "plain_text"; text: string; emoji: false }[] }[];
}

const MARKS: Record<Notice["event"], string> = { test: "●", started: "◐", "wave-passed": "◐", waiting: "‖", paused: "‖", resumed: "◐", failed: "✕", "rolled-back": "◆", succeeded: "●", aborted: "■", superseded: "○", "finding-opened": "◆", "finding-resolved": "●" };
const MOST_IN_FIELD = 1_900;

/**
 * A notice for Slack. What people wrote stands in plain text, where nothing is markup; in `text` it is escaped, so that
 * it neither links, nor mentions anybody.
 */
export function toSlack(notice: Notice, { origin }: { origin: string }): SlackMessage {
  const title = `${MARKS[notice.event]} ${describeNotice(notice)}`;
  const link = `<${noticeLink(notice, origin)}|${escapeMarkup(describeLink(notice))}>`;
  const facts = listNoticeFacts(notice);
  const plain = (text: string) => ({ type: "plain_text" as const, text, emoji: false as const });
  return {
    text: [escapeMarkup(title), ...facts.slice(0, 3).map(([label, value]) => escapeMarkup(`${label}: ${cut(value)}`)), link].join("\n"),
    blocks: [
      { type: "section", text: plain(cut(title)) },
      { type: "section", fields: facts.slice(0, 10).map(([label, value]) => plain(`${label}\n${cut(value)}`)) },
      { type: "section", text: { type: "mrkdwn", text: link, verbatim: true } },
    ],
  };
}

function describeLink(notice: Notice): string {
  const text = noticeLinkText(notice);
  return notice.rollout || notice.finding ? `Open ${text.charAt(0).toLowerCase()}${text.slice(1)}` : "Open the channels";
}

/** Slack's three escapes, and a mark of no width that breaks up mentions and emphasis elsewhere. */
export function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replace(/[@*_~`[\]]/g, "$&\u200b");
}

function cut(text: string): string {
  return text.length > MOST_IN_FIELD ? `${text.slice(0, MOST_IN_FIELD)}…` : text;
}
