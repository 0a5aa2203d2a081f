import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const GIVE_UP_MS = 10_000;
const MB = 1_048_576;

/** What every process that is started from now on does when it is asked by a signal: collects garbage and says what is left. */
const ASKED = `const { writeFileSync } = require("node:fs");
require("node:v8").setFlagsFromString("--expose-gc");
const gc = require("node:vm").runInNewContext("gc");
process.on("SIGUSR2", () => { gc(); gc(); writeFileSync(require("node:path").join(__dirname, String(process.pid)), String(process.memoryUsage().heapUsed)); });
`;

export type HeapWatch = { /** Live heap of these processes in MB, after a collection. */ measure(pids: readonly number[]): Promise<number>; close(): void };

/** Lets the heaps of processes be measured that this one starts, through their environment. Open it before they start. */
export function watchHeaps(): HeapWatch {
  const folder = mkdtempSync(join(tmpdir(), "plumbline-heap-"));
  const script = join(folder, "asked.cjs");
  writeFileSync(script, ASKED);
  const before = process.env["NODE_OPTIONS"];
  process.env["NODE_OPTIONS"] = `${before ?? ""} --require ${script}`.trim();
  return {
    measure: async (pids) => {
      let sum = 0;
      for (const pid of pids) {
        const answer = join(folder, String(pid));
        rmSync(answer, { force: true });
        process.kill(pid, "SIGUSR2");
        sum += Number(await readWhenThere(answer)) / MB;
      }
      return sum;
    },
    close: () => {
      if (before === undefined) delete process.env["NODE_OPTIONS"];
      else process.env["NODE_OPTIONS"] = before;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function readWhenThere(path: string): Promise<string> {
  for (const until = performance.now() + GIVE_UP_MS; performance.now() < until; await sleep(50)) {
    try {
      const text = readFileSync(path, "utf8");
      if (text !== "") return text;
    } catch {
      // It is still collecting.
    }
  }
  throw new Error("a process did not say how much it holds");
}
