import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const MAX_AGE_MS = 24 * 3_600_000;

/** Notes until when the server has been told everything. Losing it costs a look back, so it is not synced. */
export async function noteTold(dir: string, nowMs: number): Promise<void> {
  await writeFile(join(dir, "last-told"), `${nowMs}\n`, { mode: 0o600 });
}

/** Until when an earlier process told everything, at most a day ago; undefined when none did. */
export async function readTold(dir: string, nowMs: number): Promise<number | undefined> {
  try {
    const toldMs = Number((await readFile(join(dir, "last-told"), "utf8")).trim());
    return Number.isSafeInteger(toldMs) && toldMs > 0 && toldMs <= nowMs ? Math.max(toldMs, nowMs - MAX_AGE_MS) : undefined;
  } catch {
    // Never told, or unreadable: then there is nothing to look back to.
    return undefined;
  }
}
