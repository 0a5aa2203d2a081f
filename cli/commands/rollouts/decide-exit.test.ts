import { describe, expect, it } from "vitest";
import { CliError, EXIT } from "@/cli/client";
import { decideExit, standingOfGroup, type Standing } from "./decide-exit";
import { follow, type View } from "./follow";
import { formatClock, formatRange, readDuration } from "./read-duration";

const going: Standing = { over: false, good: false, needsPerson: null, sentence: "6 of 40 verified" };
const waiting: Standing = { ...going, needsPerson: "go" };
const good: Standing = { ...going, over: true, good: true };
const bad: Standing = { ...going, over: true };

describe("how following ends", () => {
  it.each<[string, Parameters<typeof decideExit>[0], number | null]>([
    ["goes on", { standing: going, away: false, timedOut: false, waitForPeople: true }, null],
    ["goes on before the first answer", { standing: null, away: true, timedOut: false, waitForPeople: true }, null],
    ["done", { standing: good, away: false, timedOut: false, waitForPeople: true }, EXIT.ok],
    ["done just when the time is up", { standing: good, away: false, timedOut: true, waitForPeople: true }, EXIT.ok],
    ["failed", { standing: bad, away: false, timedOut: false, waitForPeople: false }, EXIT.failed],
    ["waits for a person", { standing: waiting, away: false, timedOut: false, waitForPeople: true }, null],
    ["waits for a person whom nobody waits for", { standing: waiting, away: false, timedOut: false, waitForPeople: false }, EXIT.person],
    ["out of time", { standing: going, away: false, timedOut: true, waitForPeople: true }, EXIT.timeout],
    ["out of time while it waits for a person", { standing: waiting, away: false, timedOut: true, waitForPeople: true }, EXIT.timeout],
    ["out of time without a server", { standing: going, away: true, timedOut: true, waitForPeople: true }, EXIT.unreachable],
    ["never reached", { standing: null, away: true, timedOut: true, waitForPeople: true }, EXIT.unreachable],
  ])("%s", (_, input, exit) => expect(decideExit(input)?.exit ?? null).toBe(exit));

  it("counts a place that could not be started against a decision about several", () => {
    expect(standingOfGroup([], 0)).toMatchObject({ over: true, good: true });
    expect(standingOfGroup([], 1)).toMatchObject({ over: true, good: false, sentence: "0 of 0 rollouts succeeded, 1 could not be started" });
  });
});

describe("following", () => {
  const unreachable = new CliError("Plumbline at http://x does not answer (ECONNREFUSED).", EXIT.unreachable);
  const run = (answers: (Standing | Error)[], options: { deadline?: number | null; waitForPeople?: boolean } = {}) => {
    const shown: string[] = [];
    const view: View<Standing> = { show: (value, away, end) => void shown.push(`${value?.sentence ?? "nothing"}${away ? ` away: ${away.why}` : ""}${end ? ` exit ${end.exit}` : ""}`), close: () => void shown.push("closed") };
    const load = (): Promise<Standing> => {
      const next = answers.length > 1 ? answers.shift() : answers[0];
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next ?? going);
    };
    const exit = follow({ load, standingOf: (value) => value, view, options: { deadline: options.deadline ?? null, waitForPeople: options.waitForPeople ?? true }, name: "R-1", pause: () => Promise.resolve() });
    return { exit, shown };
  };

  it("outlives a server that is away, and says so", async () => {
    const { exit, shown } = run([going, unreachable, unreachable, good]);
    expect(await exit).toBe(0);
    expect(shown).toEqual(["6 of 40 verified", "6 of 40 verified away: ECONNREFUSED", "6 of 40 verified away: ECONNREFUSED", "6 of 40 verified exit 0", "closed"]);
  });
  it("ends with 4 when the server is away for good, with 124 when it is only slow", async () => {
    expect(await run([unreachable], { deadline: performance.now() }).exit).toBe(EXIT.unreachable);
    expect(await run([going], { deadline: performance.now() }).exit).toBe(EXIT.timeout);
  });
  it("passes on what the server refuses, and leaves the terminal as it was", async () => {
    const { exit, shown } = run([new CliError("not yours", EXIT.refused)]);
    await expect(exit).rejects.toMatchObject({ exitCode: EXIT.refused });
    expect(shown).toEqual(["closed"]);
  });
  it("leaves the rollout running when it is interrupted", async () => {
    const { exit, shown } = run([going]);
    process.emit("SIGINT", "SIGINT");
    expect(await exit).toBe(EXIT.interrupted);
    expect(shown.at(-2)).toContain("exit 130");
    expect(process.listenerCount("SIGINT")).toBe(0);
  });
});

describe("times", () => {
  it.each([["90", 90_000], ["90s", 90_000], ["10m", 600_000], ["1.5h", 5_400_000], ["500ms", 500]])("%s is %d ms", (text, ms) => expect(readDuration(text, "--timeout")).toBe(ms));
  it.each(["", "0", "-1", "soon", "1d", "1 m 2"])("refuses %j", (text) => expect(() => readDuration(text, "--timeout")).toThrow("--timeout wants a time"));
  it.each([[0, "0:00"], [42_900, "0:42"], [725_000, "12:05"], [3_723_000, "1:02:03"], [-5, "0:00"]])("%d ms reads %s", (ms, text) => expect(formatClock(ms)).toBe(text));
  it.each([[2_000, 40_000, "2 to 40 s"], [110_000, 240_000, "2 to 4 min"], [-5, 300, "0 to 1 s"], [10_000_000, 10_900_000, "about 3 h"]])("%d to %d ms reads %s", (from, to, text) => expect(formatRange({ from, to })).toBe(text));
});
