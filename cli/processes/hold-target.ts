import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, startTimeOf } from "./process-store";

const LOOK_MS = 50;
/** How long another replacement of the same target is waited for. */
const PATIENCE_MS = 5 * 60_000;

type Holder = { pid: number; startTime: string };

/**
 * Runs `work` while no other process of this machine replaces the same target: a person and an agent that replace at once
 * would each end what the other starts. A holder that died holds nothing. @throws Error when another one takes too long
 */
export async function holdTarget<T>(root: string, name: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(join(root, "state"), { recursive: true });
  const lock = join(root, "state", `${name}.lock`);
  const own = `${lock}.${randomUUID()}`;
  writeFileSync(own, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) ?? "" } satisfies Holder));
  try {
    const until = performance.now() + PATIENCE_MS;
    while (!take(own, lock)) {
      if (performance.now() >= until) throw new Error(`another replacement of ${name} is under way (process ${readHolder(lock)?.pid ?? "unknown"})`);
      await sleep(LOOK_MS);
    }
  } finally {
    rmSync(own, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Whether the lock is ours now: a link to a file that is complete already. */
function take(own: string, lock: string): boolean {
  try {
    linkSync(own, lock);
    return true;
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
  const holder = readHolder(lock);
  if (holder === null || isAlive(holder)) return false;
  // Out of the way first, and looked at again: somebody else may have done the same in between, and hold it.
  const away = `${own}.away`;
  try {
    renameSync(lock, away);
    const moved = readHolder(away);
    if (moved && isAlive(moved)) linkSync(away, lock);
  } catch (error) {
    if (!isCode(error, "ENOENT") && !isCode(error, "EEXIST")) throw error;
  }
  rmSync(away, { force: true });
  return false;
}

function readHolder(path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
