import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { startTimeOf } from "@/cli/processes/process-store";
import { writeFileDurably } from "./state-files";

/** Folders that agents of this very process hold (a simulated fleet has many). */
const held = new Set<string>();

/**
 * Holds a state folder for this process: two agents with one identity would be taken for a stolen one. Resolves with
 * what lets it go; rejects naming the process that holds it. A holder that was killed is recognised by its start time.
 */
export async function holdStateDir(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, "agent.pid");
  const [pid, ...startTime] = (await readOrEmpty(path)).trim().split(" ");
  const holder = Number.parseInt(pid ?? "", 10);
  const alive = holder > 0 && startTimeOf(holder) === startTime.join(" ");
  if (held.has(dir) || (alive && holder !== process.pid)) throw new Error(`an agent runs already on ${dir}${alive ? ` (pid ${holder})` : ""}`);
  held.add(dir);
  await writeFileDurably(path, `${process.pid} ${startTimeOf(process.pid) ?? ""}\n`);
  return async () => {
    held.delete(dir);
    await rm(path, { force: true });
  };
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
