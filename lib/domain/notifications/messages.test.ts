import { describe, expect, it } from "vitest";
import { ROLLOUT_NOTICES } from "../rollout/notices";
import { ROLLOUT_KINDS } from "../rollout/statuses";
import { describeNotice, listNoticeFacts, type Notice } from "./notice";
import { toCloudEvent } from "./to-cloud-event";
import { toMail } from "./to-mail";
import { isForPagerDuty, toPagerDuty } from "./to-pagerduty";
import { escapeMarkup, toSlack } from "./to-slack";

const origin = "https://plumbline.example";
const rollout: NonNullable<Notice["rollout"]> = {
  id: "11111111-1111-4111-8111-111111111111",
  number: 12,
  kind: "promote",
  service: "payments",
  environment: "production",
  protected: true,
  partition: "default",
  from: { version: "1.0.0", artifact: { repository: "ghcr.io/shop/payments", digest: `sha256:${"a".repeat(64)}` } },
  to: { version: "2.0.0", artifact: { repository: "ghcr.io/shop/payments", digest: `sha256:${"b".repeat(64)}` } },
  startedBy: "Ada",
  reason: null,
  incident: null,
  counts: { total: 4, verified: 2, inFlight: 1, stuck: 0, failed: 1, waiting: 0, gone: 0, withdrawn: 0 },
};
const notice = (more: Partial<Notice> = {}, inRollout: Partial<typeof rollout> = {}): Notice => ({ v: 1, event: "paused", at: "2026-11-20T02:03:04.000Z", rollout: { ...rollout, ...inRollout }, wave: { number: 2, of: 3, name: "eu" }, reason: "1 of 4 failed.", settles: [], ...more });
const test: Notice = { v: 1, event: "test", at: "2026-11-20T02:03:04.000Z", rollout: null, wave: null, reason: null, settles: [] };

describe("the sentence", () => {
  it.each([
    ["started", "payments in production: the promotion to 2.0.0 has started"],
    ["wave-passed", "payments in production: the promotion to 2.0.0 has passed wave 2 of 3"],
    ["waiting", "payments in production: the promotion to 2.0.0 waits before wave 2 of 3"],
    ["paused", "payments in production: the promotion to 2.0.0 is paused"],
    ["resumed", "payments in production: the promotion to 2.0.0 goes on"],
    ["failed", "payments in production: the promotion to 2.0.0 has failed"],
    ["rolled-back", "payments in production: the promotion to 2.0.0 was rolled back"],
    ["succeeded", "payments in production: the promotion to 2.0.0 is done"],
    ["aborted", "payments in production: the promotion to 2.0.0 was stopped"],
    ["superseded", "payments in production: the promotion to 2.0.0 was superseded by another rollout"],
  ] as const)("%s", (event, sentence) => {
    expect(describeNotice(notice({ event }))).toBe(sentence);
  });

  it("names a partition, and what a stop stops", () => {
    expect(describeNotice(notice({ event: "succeeded" }, { kind: "stop", to: null, partition: "eu" }))).toBe("payments in production (eu): stopping 1.0.0 is done");
  });

  it("lists what is known and leaves out what is not", () => {
    expect(listNoticeFacts(notice())).toEqual([
      ["Why", "1 of 4 failed."],
      ["From → to", "1.0.0 → 2.0.0"],
      ["Targets", "2 of 4 verified, 1 in flight, 1 failed"],
      ["Wave", "2 of 3: eu"],
      ["Started by", "Ada"],
      ["Rollout", "number 12"],
      ["At", "2026-11-20 02:03:04 UTC"],
    ]);
  });
});

describe("toCloudEvent", () => {
  it.each([
    ["promote", "dev.cdevents.service.upgraded.0.2.0"],
    ["rollback", "dev.cdevents.service.rolledback.0.2.0"],
    ["stop", "dev.cdevents.service.removed.0.2.0"],
    ["reconverge", "dev.cdeventsx.plumbline-rollout.succeeded.0.1.0"],
    ["replace", "dev.cdeventsx.plumbline-rollout.succeeded.0.1.0"],
  ] as const)("a %s that is done is %s", (kind, type) => {
    const event = toCloudEvent(notice({ event: "succeeded" }, { kind }), { id: "msg_1", origin });
    expect([event.type, event.data.context.type]).toEqual([type, type]);
  });

  it("calls the first one of a place deployed", () => {
    expect(toCloudEvent(notice({ event: "succeeded" }, { from: null }), { id: "msg_1", origin }).type).toBe("dev.cdevents.service.deployed.0.2.0");
  });

  it("has a type of its own for what the standard has no word for", () => {
    const types = ROLLOUT_NOTICES.filter((event) => event !== "succeeded").map((event) => toCloudEvent(notice({ event }), { id: "msg_1", origin }).type);
    expect(new Set(types).size).toBe(types.length);
    for (const type of types) expect(type).toMatch(/^dev\.cdeventsx\.plumbline-rollout\.[a-z]+\.0\.1\.0$/);
  });

  it("names the artifact as a package URL", () => {
    const content = (to: Notice["rollout"] & object) => toCloudEvent(notice({ event: "succeeded" }, to), { id: "msg_1", origin }).data.subject.content;
    expect(content(rollout)).toEqual({ environment: { id: "production", source: origin }, artifactId: `pkg:oci/payments@sha256%3A${"b".repeat(64)}?repository_url=ghcr.io%2Fshop%2Fpayments` });
    expect(content({ ...rollout, to: { version: "2.0.0+1", artifact: { repository: null, digest: `sha256:${"c".repeat(64)}` } } })).toMatchObject({ artifactId: `pkg:generic/payments@2.0.0%2B1?checksum=sha256%3A${"c".repeat(64)}` });
    expect(content({ ...rollout, kind: "stop" })).toEqual({ environment: { id: "production", source: origin } });
  });

  it("carries all of it", () => {
    expect(toCloudEvent(notice(), { id: "msg_1", origin })).toMatchObject({
      specversion: "1.0",
      id: "msg_1",
      source: origin,
      subject: rollout.id,
      time: "2026-11-20T02:03:04.000Z",
      data: { context: { version: "0.4.1", id: "msg_1" }, subject: { id: rollout.id, type: "rollout" }, customData: { event: "paused", rollout: { number: 12, counts: { verified: 2 } }, wave: { number: 2 }, reason: "1 of 4 failed.", url: `${origin}/rollouts/${rollout.id}` } },
    });
    expect(toCloudEvent(test, { id: "msg_1", origin })).toMatchObject({ type: "dev.cdeventsx.plumbline-channel.tested.0.1.0", data: { customData: { event: "test", rollout: null } } });
  });
});

describe("toSlack", () => {
  it("writes what people wrote as plain text, and escapes it where markup is read", () => {
    const hostile = "<!channel> *bold* <https://evil.example|click> & @here [x](https://evil.example)";
    const message = toSlack(notice({ reason: hostile }), { origin });
    expect(message.text).not.toMatch(/<!channel>|<https:\/\/evil|@here|\[x\]|\*bold\*/);
    expect(message.text).toContain(`<${origin}/rollouts/${rollout.id}|Open rollout 12>`);
    for (const block of message.blocks) {
      for (const part of [block.text, ...(block.fields ?? [])]) if (part?.type === "mrkdwn") expect(part.text).toBe(`<${origin}/rollouts/${rollout.id}|Open rollout 12>`);
    }
    expect(message.blocks[1]?.fields?.[0]).toEqual({ type: "plain_text", text: `Why\n${hostile}`, emoji: false });
  });

  it("stays within Slack's limits", () => {
    const message = toSlack(notice({ reason: "x".repeat(5_000) }, { reason: "y".repeat(5_000), incident: "INC-1" }), { origin });
    expect(message.blocks[1]?.fields?.length).toBeLessThanOrEqual(10);
    for (const field of message.blocks[1]?.fields ?? []) expect(field.text.length).toBeLessThanOrEqual(2_000);
    expect(toSlack(test, { origin }).text).toContain("this channel works");
  });

  it("escapes in the one order that is right", () => {
    expect(escapeMarkup("<a> & &lt;")).toBe("&lt;a&gt; &amp; &amp;lt;");
  });
});

describe("toPagerDuty", () => {
  const to = (each: Notice) => toPagerDuty(each, { routingKey: "key", origin, id: "msg_1" });
  const key = `plumbline/rollout/${rollout.id}`;

  it.each([
    ["paused", true, "warning"],
    ["failed", true, "critical"],
    ["failed", false, "error"],
  ] as const)("%s (protected: %s) triggers with severity %s", (event, isProtected, severity) => {
    const events = to(notice({ event }, { protected: isProtected }));
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ routing_key: "key", event_action: "trigger", dedup_key: key, payload: { severity, source: origin, component: "payments", group: "production", timestamp: "2026-11-20T02:03:04.000Z" } });
  });

  it.each(["resumed", "rolled-back", "succeeded", "aborted", "superseded"] as const)("%s resolves", (event) => {
    expect(to(notice({ event }))).toEqual([{ routing_key: "key", event_action: "resolve", dedup_key: key }]);
  });

  it("a good end closes what earlier rollouts opened, each once", () => {
    expect(to(notice({ event: "succeeded", settles: ["earlier", rollout.id] })).map((event) => event.dedup_key)).toEqual([key, "plumbline/rollout/earlier"]);
  });

  it("wakes nobody for progress", () => {
    expect(ROLLOUT_NOTICES.filter((event) => !isForPagerDuty(event))).toEqual(["started", "wave-passed", "waiting"]);
    expect(to(notice({ event: "started" }))).toEqual([]);
  });

  it("a test opens an incident and closes it", () => {
    expect(to(test).map(({ event_action, dedup_key }) => [event_action, dedup_key])).toEqual([
      ["trigger", "plumbline/test/msg_1"],
      ["resolve", "plumbline/test/msg_1"],
    ]);
  });
});

describe("toMail", () => {
  it("keeps the subject on one line", () => {
    const { subject } = toMail(notice({}, { to: { version: "2.0\r\nBcc: all@example.org", artifact: null } }), { origin });
    expect(subject).toBe("[Plumbline] payments in production: the promotion to 2.0 Bcc: all@example.org is paused");
    expect(toMail(notice({}, { service: "x".repeat(500) }), { origin }).subject).toHaveLength(200);
  });

  it("says the same in text and in HTML, where nothing of it is markup", () => {
    const { text, html } = toMail(notice({ reason: `<img src=x onerror="alert('1')">` }), { origin });
    expect(text).toContain(`Why: <img src=x onerror="alert('1')">`);
    expect(html).toContain("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;");
    expect(html).not.toContain("<img");
    for (const body of [text, html]) expect(body).toContain(`${origin}/rollouts/${rollout.id}`);
  });
});

it("has words for every kind", () => {
  for (const kind of ROLLOUT_KINDS) expect(describeNotice(notice({}, { kind }))).not.toContain("undefined");
});

describe("a notice of findings", () => {
  const finding: NonNullable<Notice["finding"]> = { kind: "unknown-artifact", service: "payments", environment: "production", protected: true, instances: 3, findings: 2, since: "2026-11-20T02:00:00.000Z", title: "Unknown bytes run as payments in production" };
  const opened: Notice = { v: 1, event: "finding-opened", at: "2026-11-20T02:03:04.000Z", finding, rollout: null, wave: null, reason: null, settles: [] };
  const resolved: Notice = { ...opened, event: "finding-resolved" };
  const link = "https://plumbline.example/drift?service=payments&environment=production&kind=unknown-artifact";

  it("says what deviates where, and that it is over", () => {
    expect(describeNotice(opened)).toBe("Unknown bytes run as payments in production (3 instances)");
    expect(describeNotice(resolved)).toBe("In order again: unknown bytes run as payments in production");
    expect(describeNotice({ ...resolved, reason: "What is left is covered by a waiver." })).toBe("Told no more: unknown bytes run as payments in production");
    expect(describeNotice({ ...opened, finding: { ...finding, kind: "behind", instances: 1, title: "payments is behind in production" } })).toBe("payments is behind in production (1 instance)");
    expect(listNoticeFacts(opened)).toEqual([["Kind", "unknown-artifact"], ["Instances", "3, 2 findings"], ["Service", "payments"], ["Environment", "production"], ["Since", "2026-11-20 02:00:00 UTC"], ["At", "2026-11-20 02:03:04 UTC"]]);
    expect(listNoticeFacts({ ...resolved, reason: "Waived." })).toContainEqual(["Why", "Waived."]);
  });
  it("is an event of its own, about the cause", () => {
    expect(toCloudEvent(opened, { id: "msg_1", origin })).toMatchObject({ type: "dev.cdeventsx.plumbline-finding.opened.0.1.0", subject: "payments/production/unknown-artifact", data: { subject: { type: "finding", content: { service: "payments", environment: { id: "production", source: origin } } }, customData: { url: link, finding } } });
    expect(toCloudEvent(resolved, { id: "msg_1", origin }).type).toBe("dev.cdeventsx.plumbline-finding.resolved.0.1.0");
  });
  it.each([
    ["unknown-artifact", true, "critical"],
    ["unknown-artifact", false, "error"],
    ["behind", true, "warning"],
  ] as const)("opens one incident for its cause: %s, protected %s", (kind, isProtected, severity) => {
    const key = `plumbline/finding/payments/production/${kind}`;
    const about = { ...finding, kind, protected: isProtected };
    expect(toPagerDuty({ ...opened, finding: about }, { routingKey: "key", origin, id: "1" })).toMatchObject([{ event_action: "trigger", dedup_key: key, payload: { severity, component: "payments", group: "production", class: `finding ${kind}` }, links: [{ text: "Findings of payments" }] }]);
    expect(toPagerDuty({ ...resolved, finding: about }, { routingKey: "key", origin, id: "1" })).toEqual([{ routing_key: "key", event_action: "resolve", dedup_key: key }]);
  });
  it("leads to the findings in Slack and in a mail", () => {
    expect(toSlack(opened, { origin }).text).toContain(`<${link}|Open findings of payments>`);
    expect(toMail(opened, { origin })).toMatchObject({ subject: "[Plumbline] Unknown bytes run as payments in production (3 instances)", text: expect.stringContaining(link) });
  });
});
