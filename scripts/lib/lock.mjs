import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { isRunning, self } from "./processes.mjs";

/**
 * A lock is a directory of numbered files. Whoever creates the highest number holds it; the highest file is never
 * removed, only marked as released or found to name a dead process. So a take-over is one atomic link(2), no matter
 * how many try at once or how the holder died.
 */

/** Newest generation in the directory, 0 when there is none. */
function newest(directory) {
  const numbers = readdirSync(directory).filter((name) => /^\d+$/.test(name)).map(Number);
  return Math.max(0, ...numbers);
}

function readHolder(directory, generation) {
  if (generation === 0) return undefined;
  try {
    return JSON.parse(readFileSync(path.join(directory, String(generation)), "utf8"));
  } catch (error) {
    // A later holder cleared it away between our two looks.
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Takes the lock or says who has it.
 * @param {string} directory
 * @param {{ about?: Record<string, unknown> }} options `about` is kept beside the holder's pid for others to read
 * @returns {{ release: () => void, holder?: undefined } | { holder: { pid: number, since: string } & Record<string, unknown> }}
 */
export function tryLock(directory, { about = {} } = {}) {
  mkdirSync(directory, { recursive: true });
  const mine = { ...about, ...self(), since: new Date().toISOString() };
  const draft = path.join(directory, `draft-${process.pid}-${Math.random().toString(36).slice(2)}`);
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o644 });
  try {
    for (;;) {
      const last = newest(directory);
      const holder = readHolder(directory, last);
      if (holder && !holder.released && isRunning(holder)) return { holder };
      const generation = last + 1;
      try {
        linkSync(draft, path.join(directory, String(generation)));
      } catch (error) {
        if (error.code === "EEXIST") continue;
        throw error;
      }
      // Between our look and our link others may have taken, released and cleared this very number.
      if (newest(directory) !== generation) {
        rmSync(path.join(directory, String(generation)), { force: true });
        continue;
      }
      clearOlder(directory, generation);
      return { release: () => markReleased(directory, generation, mine) };
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function markReleased(directory, generation, mine) {
  const released = path.join(directory, `released-${process.pid}-${generation}`);
  writeFileSync(released, JSON.stringify({ ...mine, released: true }));
  renameSync(released, path.join(directory, String(generation)));
}

/** Keeps the last two, so that a directory listing taken meanwhile never misses the newest. */
function clearOlder(directory, generation) {
  for (const name of readdirSync(directory)) {
    if (/^\d+$/.test(name) && Number(name) < generation - 2) rmSync(path.join(directory, name), { force: true });
  }
}

/**
 * Does a piece of work that only one process may do at a time; others wait.
 * @template T
 * @param {string} directory
 * @param {() => Promise<T>} work
 * @param {{ onWait?: (holder: { pid: number }) => void, signal?: AbortSignal }} options
 * @returns {Promise<T>}
 */
export async function withLock(directory, work, { onWait, signal } = {}) {
  let told = false;
  for (;;) {
    signal?.throwIfAborted();
    const lock = tryLock(directory);
    if (lock.holder === undefined) {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    if (!told) onWait?.(lock.holder);
    told = true;
    await sleep(100, undefined, { signal });
  }
}
