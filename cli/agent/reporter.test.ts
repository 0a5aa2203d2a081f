import { describe, expect, it } from "vitest";
import type { InventoryReportInput } from "@/lib/contract/agent";
import type { EventJournal } from "./event-journal";
import { Reporter } from "./reporter";
import type { Observation, ReportedEvent } from "./runtimes/runtime";
import type { Answer } from "./transport";

const event = (id: string): ReportedEvent => ({ id, at: "2026-01-01T00:00:00.000Z", target: "pay", kind: "start" });

function arrange(answers: (Answer | "no answer")[]) {
  const sent: { text: string; report: InventoryReportInput }[] = [];
  const said: string[] = [];
  let events: ReportedEvent[] = [event("e1")];
  let boots = 0;
  const observation: Observation = { complete: true, errors: [], images: new Map(), targets: [{ key: "pay", desired: 1 }], instances: [] };
  const journal: EventJournal = {
    add: (one) => void events.push(one),
    peek: () => events,
    acknowledge: async (ids) => void (events = events.filter((one) => !ids.includes(one.id))),
    size: () => events.length,
    flush: async () => undefined,
  };
  const reporter = new Reporter({
    transport: {
      post: async (_path, bytes) => {
        const text = Buffer.from(bytes).toString();
        sent.push({ text, report: JSON.parse(text) });
        const answer = answers.shift() ?? { status: 200, body: { desiredVersion: 3 } };
        if (answer === "no answer") throw new Error("connect ECONNREFUSED");
        return answer;
      },
      get: async () => ({ status: 204, body: null }),
      close: () => undefined,
    },
    journal,
    newBootId: () => `boot-${(boots += 1)}`,
    observe: async () => observation,
    now: () => 0,
    random: () => 0.5,
    log: (message) => said.push(message),
  });
  return { reporter, sent, said, observation, journal };
}

const heads = (sent: { report: InventoryReportInput }[]) => sent.map(({ report }) => [report.bootId, report.seq, report.kind]);

describe("Reporter", () => {
  it("begins with seq 1 in full, goes on with deltas, and forgets events only when they were taken", async () => {
    const { reporter, sent } = arrange([]);
    expect(await reporter.send()).toEqual({ delivered: true, retryMs: null, desiredVersion: 3 });
    await reporter.send();
    expect(heads(sent)).toEqual([["boot-1", 1, "full"], ["boot-1", 2, "delta"]]);
    expect(sent.map(({ report }) => report.events?.length)).toEqual([1, 0]);
    expect(sent[1]?.report.targets).toEqual([]);
  });
  it("repeats the same bytes under the same seq until there is an answer", async () => {
    const { reporter, sent, observation, said } = arrange(["no answer", "no answer", { status: 503, body: null }]);
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const result = await reporter.send();
      expect(result.delivered).toBe(attempt === 3);
      if (attempt < 3) expect(result.retryMs).toBeGreaterThan(0);
      observation.targets = [{ key: "changed", desired: 2 }];
    }
    expect(new Set(sent.map(({ text }) => text)).size).toBe(1);
    expect(said.filter((message) => message.includes("not reached"))).toHaveLength(1);
    await reporter.send();
    expect(sent.at(-1)?.report).toMatchObject({ seq: 2, kind: "delta", targets: [{ key: "changed" }], removed: ["target:pay"] });
  });
  it("answers a resync with everything, and a second one with a new boot", async () => {
    const { reporter, sent } = arrange([{ status: 200, body: null }, { status: 409, body: { type: "resync-required" } }, { status: 409, body: null }]);
    for (let attempt = 0; attempt < 4; attempt += 1) await reporter.send();
    expect(heads(sent)).toEqual([["boot-1", 1, "full"], ["boot-1", 2, "delta"], ["boot-1", 3, "full"], ["boot-2", 1, "full"]]);
  });
  it("begins a new boot at once when its own was closed", async () => {
    const { reporter, sent } = arrange([{ status: 200, body: null }, { status: 409, body: { type: "https://plumbline.dev/problems/boot-closed" } }]);
    for (let attempt = 0; attempt < 3; attempt += 1) await reporter.send();
    expect(heads(sent).at(-1)).toEqual(["boot-2", 1, "full"]);
  });
  it("keeps seq 1 while nothing of this boot was taken", async () => {
    const { reporter, sent } = arrange([{ status: 400, body: { detail: "no" } }]);
    await reporter.send();
    await reporter.send();
    expect(heads(sent)).toEqual([["boot-1", 1, "full"], ["boot-1", 1, "full"]]);
  });
  it.each([
    [401, null],
    [403, "text"],
    [400, { detail: "higher version", accepts: { min: 0, max: 0 } }],
    [404, [1, 2]],
    [413, { detail: 7 }],
    [422, {}],
    [429, { detail: "slow down" }],
    [500, "<html>"],
    [302, null],
    [999, { accepts: "x" }],
  ])("outlives the answer %s and retries", async (status, body) => {
    const { reporter } = arrange([{ status, body }]);
    const result = await reporter.send();
    expect(result.delivered).toBe(false);
    expect(result.retryMs).toBeGreaterThan(0);
    expect((await reporter.send()).delivered).toBe(true);
  });
  it("outlives a runtime that cannot look", async () => {
    const { reporter, observation } = arrange([]);
    Object.defineProperty(observation, "targets", { get: () => { throw new Error("broken"); }, configurable: true });
    expect((await reporter.send()).delivered).toBe(false);
  });
});
