import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openEventJournal } from "./event-journal";
import type { ReportedEvent } from "./runtimes/runtime";

const HOUR = 3_600_000;
const at = (ms: number) => new Date(ms).toISOString();
const event = (id: string, ms = 0): ReportedEvent => ({ id, at: at(ms), target: "pay", kind: "start" });

describe("the event journal", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "plumbline-journal-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const ids = (events: ReportedEvent[]) => events.map((one) => one.id);

  it("outlives the process, forgets what was acknowledged, and takes each event once", async () => {
    const first = await openEventJournal(dir, () => 0);
    for (const id of ["a", "b", "b", "c"]) first.add(event(id));
    await first.acknowledge(["a"]);
    const second = await openEventJournal(dir, () => 0);
    expect(ids(second.peek())).toEqual(["b", "c"]);
    await second.acknowledge(["b", "c"]);
    expect((await openEventJournal(dir, () => 0)).size()).toBe(0);
  });
  it("drops a line that a crash cut off, and keeps the others", async () => {
    const first = await openEventJournal(dir, () => 0);
    first.add(event("a"));
    await first.flush();
    await appendFile(join(dir, "events.ndjson"), '{"id":"b","at":');
    expect(ids((await openEventJournal(dir, () => 0)).peek())).toEqual(["a"]);
  });
  it("forgets what is older than a day", async () => {
    const first = await openEventJournal(dir, () => 0);
    first.add(event("old", 0));
    first.add(event("new", 20 * HOUR));
    await first.flush();
    expect(ids((await openEventJournal(dir, () => 30 * HOUR)).peek())).toEqual(["new"]);
  });
  it("stays bounded: the oldest go first", async () => {
    const journal = await openEventJournal(dir, () => 0, { bytes: 100_000, ageMs: HOUR, inMemory: 10 });
    for (let index = 0; index < 50; index += 1) journal.add(event(`e${index}`));
    await journal.flush();
    expect(journal.size()).toBeLessThanOrEqual(11);
    expect(ids(journal.peek()).at(-1)).toBe("e49");
  });
});
