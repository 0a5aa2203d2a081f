import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tryLock, withLock } from "./lock.mjs";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "plumbline-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function take(): () => void {
  const attempt = tryLock(directory);
  if (attempt.holder) throw new Error("held");
  return attempt.release;
}

describe("tryLock", () => {
  it("lets one in and tells the others who it is", () => {
    const release = take();
    expect(tryLock(directory).holder).toMatchObject({ pid: process.pid, since: expect.any(String) });
    release();
    take()();
  });

  it("takes over from a process that is gone", () => {
    const gone = spawnSync(process.execPath, ["--version"]);
    writeFileSync(path.join(directory, "7"), JSON.stringify({ pid: gone.pid, startId: "boot:1", since: "then" }));
    take()();
    expect(readdirSync(directory)).toContain("8");
  });

  it("does not take a new process with an old number for the holder", () => {
    writeFileSync(path.join(directory, "1"), JSON.stringify({ pid: process.pid, startId: "an earlier boot:1", since: "then" }));
    expect(tryLock(directory).holder).toBeUndefined();
  });

  it("does not grow", () => {
    for (let round = 0; round < 10; round++) take()();
    expect(readdirSync(directory).length).toBeLessThanOrEqual(3);
  });
});

describe("withLock", () => {
  it("does one after the other and releases after an error", async () => {
    let inside = 0;
    let most = 0;
    const work = () =>
      withLock(directory, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
        throw new Error("as planned");
      });
    const ends = await Promise.allSettled([work(), work(), work()]);
    expect(ends.map((end) => end.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(most).toBe(1);
  });
});
