import { appendFile, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ReportedEvent } from "./runtimes/runtime";
import { writeFileDurably } from "./state-files";

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_AGE_MS = 24 * 3_600_000;
/** How many events one report carries. */
export const EVENTS_PER_REPORT = 500;
/** The newest this many are kept in memory; older ones wait on the disk. */
const MAX_IN_MEMORY = 5_000;

/**
 * Events that the server has not acknowledged yet, kept on disk (64 MiB, 24 h) so that an absence, of the server or of
 * the agent, can be told of later. Oldest first; the oldest go when it is full.
 */
export interface EventJournal {
  add(event: ReportedEvent): void;
  /** The oldest events that are not acknowledged, at most `EVENTS_PER_REPORT`. */
  peek(): ReportedEvent[];
  acknowledge(ids: readonly string[]): Promise<void>;
  size(): number;
  /** Resolves when what was added is on disk. */
  flush(): Promise<void>;
}

/** Opens `events.ndjson` in the state folder; lines that cannot be read are dropped. `now` is in milliseconds. */
export async function openEventJournal(dir: string, now: () => number, limits = { bytes: MAX_BYTES, ageMs: MAX_AGE_MS, inMemory: MAX_IN_MEMORY }): Promise<EventJournal> {
  const path = join(dir, "events.ndjson");
  let events = prune(parseLines(await readText(path)), now(), limits);
  const known = new Set(events.map((event) => event.id));
  let bytes = await fileSize(path);
  let pending: Promise<void> = Promise.resolve();
  let unwritten: string[] = [];

  const enqueue = (work: () => Promise<void>): Promise<void> => {
    pending = pending.then(work).catch((error: unknown) => {
      // A full disk costs the journal's durability, not the agent.
      console.error(`the event journal cannot be written: ${error instanceof Error ? error.message : String(error)}`);
    });
    return pending;
  };
  const rewrite = async (): Promise<void> => {
    unwritten = [];
    if (events.length === 0) {
      await rm(path, { force: true });
      bytes = 0;
      return;
    }
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
    await writeFileDurably(path, text);
    bytes = Buffer.byteLength(text);
  };
  return {
    add: (event) => {
      if (known.has(event.id)) return;
      known.add(event.id);
      events.push(event);
      unwritten.push(`${JSON.stringify(event)}\n`);
      const full = events.length > limits.inMemory || bytes > limits.bytes;
      if (full) {
        events = prune(events, now(), limits);
        if (bytes > limits.bytes) events = events.slice(Math.ceil(events.length / 2));
        known.clear();
        for (const kept of events) known.add(kept.id);
      }
      void enqueue(async () => {
        if (full) return rewrite();
        const lines = unwritten.join("");
        unwritten = [];
        if (lines === "") return;
        await appendFile(path, lines, { mode: 0o600 });
        bytes += Buffer.byteLength(lines);
      });
    },
    peek: () => events.slice(0, EVENTS_PER_REPORT),
    acknowledge: async (ids) => {
      if (ids.length === 0) return;
      const gone = new Set(ids);
      events = prune(events.filter((event) => !gone.has(event.id)), now(), limits);
      known.clear();
      for (const kept of events) known.add(kept.id);
      await enqueue(rewrite);
    },
    size: () => events.length,
    flush: () => pending,
  };
}

function prune(events: ReportedEvent[], nowMs: number, limits: { ageMs: number; inMemory: number }): ReportedEvent[] {
  return events.filter((event) => nowMs - Date.parse(event.at) <= limits.ageMs).slice(-limits.inMemory);
}

function parseLines(text: string): ReportedEvent[] {
  const events: ReportedEvent[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const event: ReportedEvent = JSON.parse(line);
      if (typeof event.id === "string" && typeof event.at === "string" && typeof event.target === "string") events.push(event);
    } catch {
      // The last line of a crash is cut off; the rest is whole.
      continue;
    }
  }
  return events;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

async function fileSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
