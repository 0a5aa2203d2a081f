import { describe, expect, it } from "vitest";
import { describeDestination, eventsFor, statusWord } from "./to-notifications";

it.each([
  ["pending", 0, "on its way"],
  ["pending", 2, "to be tried again"],
  ["sent", 1, "sent"],
  ["failed", 7, "given up"],
] as const)("%s after %i attempts is %s", (status, attempts, word) => {
  expect(statusWord({ status, attempts })).toBe(word);
});

describe("eventsFor", () => {
  it("offers PagerDuty what wakes somebody, and others all", () => {
    expect(eventsFor("pagerduty").map(({ event }) => event)).toEqual(["paused", "resumed", "failed", "rolled-back", "succeeded", "aborted", "superseded", "finding-opened", "finding-resolved"]);
    expect(eventsFor("slack")).toHaveLength(12);
  });
});

it("shows where a channel leads, never a path", () => {
  expect(describeDestination({ kind: "slack", host: "hooks.slack.com" })).toBe("hooks.slack.com/…");
  expect(describeDestination({ kind: "pagerduty", url: "https://events.pagerduty.com/v2/enqueue" })).toBe("events.pagerduty.com");
  expect(describeDestination({ kind: "email", host: "mail.example", port: 587, security: "starttls", user: null, from: "a@b.example", to: ["c@d.example", "e@f.example"] })).toBe("c@d.example, e@f.example by mail.example:587");
});
