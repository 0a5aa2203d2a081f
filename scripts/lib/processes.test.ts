import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { isRunning, processStartId, self, startIdFromStat } from "./processes.mjs";

const fields = (state: string) => `${state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20`;

describe("startIdFromStat", () => {
  it("reads the start time behind a command with spaces and parentheses", () => {
    expect(startIdFromStat(`77 (a) b (c)) ${fields("S")}`, "boot")).toBe("boot:4242");
  });

  it.each(["Z", "X"])("counts a process in state %s as gone", (state) => {
    expect(startIdFromStat(`77 (node) ${fields(state)}`, "boot")).toBeUndefined();
  });
});

describe("isRunning", () => {
  it("knows this process", () => {
    expect(isRunning(self())).toBe(true);
    expect(isRunning({ ...self(), startId: "other" })).toBe(false);
  });

  it("sees that a process has ended", async () => {
    const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
    await once(child, "spawn");
    const known = { pid: child.pid ?? 0, startId: processStartId(child.pid ?? 0) };
    expect(isRunning(known)).toBe(true);
    child.stdin.end();
    await once(child, "exit");
    expect(isRunning(known)).toBe(false);
  });

  it.each([0, -1, 1.5, Number.NaN])("finds no process number %s", (pid) => {
    expect(processStartId(pid)).toBeUndefined();
  });
});
