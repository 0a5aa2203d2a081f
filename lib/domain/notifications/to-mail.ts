import { describeNotice, listNoticeFacts, noticeLink, type Notice } from "./notice";

export interface MailMessage {
  subject: string;
  text: string;
  html: string;
}

const MOST_SUBJECT = 200;

/** A notice as a mail: one line of subject without control characters, plain text, and the same as plain HTML. */
export function toMail(notice: Notice, { origin }: { origin: string }): MailMessage {
  const title = describeNotice(notice);
  const facts = listNoticeFacts(notice);
  const link = noticeLink(notice, origin);
  const footer = "A channel of Plumbline sends this. Its administrators change what it tells, under Settings, Notifications.";
  const rows = facts.map(([label, value]) => `<tr><th align="left" valign="top">${escapeHtml(label)}</th><td>${escapeHtml(value)}</td></tr>`).join("");
  return {
    subject: `[Plumbline] ${title}`.replace(/\p{Cc}+/gu, " ").slice(0, MOST_SUBJECT),
    text: `${title}.\n\n${facts.map(([label, value]) => `${label}: ${value}`).join("\n")}\n\n${link}\n\n-- \n${footer}\n`,
    html: `<p><b>${escapeHtml(title)}.</b></p><table cellpadding="4">${rows}</table><p><a href="${escapeHtml(link)}">${escapeHtml(link)}</a></p><p><small>${escapeHtml(footer)}</small></p>`,
  };
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;").replaceAll("\n", "<br>");
}
