import { createHash } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { readCommandProcess } from "./runtimes/run-command";
import type { CommandProcess } from "./runtimes/run-command";
import type { Outcome, Task } from "./runtimes/runtime";
import { readJsonFile, writeFileDurably } from "./state-files";

/**
 * What of an execution was begun last: `begun` nothing yet, `pre-hook` and `post-hook` the hook, `replacing` the runtime's
 * own part, which keeps its notes in `saved`, `replaced` nothing after that.
 */
export const STAGES = ["begun", "pre-hook", "replacing", "replaced", "post-hook"] as const;
export type Stage = (typeof STAGES)[number];

/** The last thing that was begun on one target. That it exists is what keeps it from being begun again. */
export interface ExecutionRecord {
  task: Task;
  /** The highest ledger entry that was obeyed here. */
  obeyedEntry: number;
  startedAt: string;
  stage: Stage;
  /** The command of the hook that `stage` names. */
  hook: CommandProcess | null;
  /** The runtime's own notes, to go on after a crash. */
  saved: unknown;
  /** null while it is under way. */
  outcome: Outcome | null;
  /** Whether the server has heard the outcome. */
  reported: boolean;
}

export interface ExecutionStore {
  get(target: string): ExecutionRecord | undefined;
  all(): ExecutionRecord[];
  /** Durable before it resolves. */
  put(record: ExecutionRecord): Promise<void>;
}

/** Opens the folder with one file per target; a damaged file is reported by throwing, never ignored. */
export async function openExecutionStore(dir: string): Promise<ExecutionStore> {
  const folder = join(dir, "executions");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const records = new Map<string, ExecutionRecord>();
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".json")) continue;
    const value = await readJsonFile(join(folder, name));
    const record = readRecord(value);
    if (!record) throw new Error(`${join(folder, name)} is damaged; it says what was begun, so look at the target before you remove it`);
    records.set(record.task.target, record);
  }
  return {
    get: (target) => records.get(target),
    all: () => [...records.values()],
    put: async (record) => {
      await writeFileDurably(join(folder, `${createHash("sha256").update(record.task.target).digest("hex").slice(0, 32)}.json`), `${JSON.stringify(record)}\n`);
      records.set(record.task.target, record);
    },
  };
}

/**
 * Begins the count of orders anew, for a host that is enrolled again: its new agent is told from 1 on. Which ledger entries
 * were obeyed stays, so that nothing older is.
 */
export async function forgetGenerations(dir: string): Promise<void> {
  const store = await openExecutionStore(dir);
  for (const record of store.all()) await store.put({ ...record, task: { ...record.task, generation: 0 }, reported: record.outcome !== null });
}

/** A record as a file holds it, or null when it is none. */
export function readRecord(value: unknown): ExecutionRecord | null {
  if (!isExecutionRecord(value)) return null;
  // Written by an agent that knew no hooks: what it began was the replacement.
  const stage = STAGES.find((known) => known === value.stage) ?? "replacing";
  return { ...value, stage, hook: readCommandProcess(value.hook) };
}

type KeptRecord = Omit<ExecutionRecord, "stage" | "hook"> & { stage?: unknown; hook?: unknown };

function isExecutionRecord(value: unknown): value is KeptRecord {
  if (typeof value !== "object" || value === null || !("task" in value) || !("outcome" in value)) return false;
  const { task } = value;
  return typeof task === "object" && task !== null && "target" in task && typeof task.target === "string" && "generation" in task && typeof task.generation === "number";
}
