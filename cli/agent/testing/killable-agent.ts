import { appendFileSync, readFileSync } from "node:fs";
import { openExecutionStore } from "../execution-store";
import { openHooks } from "../hooks";
import { dockerRuntime } from "../runtimes/docker";
import { openEngine } from "../runtimes/docker/engine";
import { openExecRuntime } from "../runtimes/exec";
import type { Runtime, Task } from "../runtimes/runtime";
import { live, mortalEngine, openLife } from "./mortal";
import type { Life } from "./mortal";

/** What one process of the agent is told, as JSON in the file that its only argument names. */
export interface KillableAgent {
  stateDir: string;
  /** A line of JSON for everything that the server hears. */
  heardFile: string;
  /** A line for each step that the agent takes. */
  stepsFile: string;
  /** Kills itself before its step of this number. */
  dieAt: number;
  tasks: Task[];
  hooks: { pre?: string; post?: string };
  socket?: string;
  exec?: { listCommand: string; replaceCommand: string; prefetchCommand: string };
}

const LONG_MS = 60_000;

async function openRuntime(told: KillableAgent, life: Life): Promise<Runtime> {
  const mayAct = (): boolean => true;
  if (told.exec) return openExecRuntime({ ...told.exec, env: process.env, mayAct, pollMs: LONG_MS });
  // A minute ahead, so that what was started has been up long enough at the first look.
  return dockerRuntime(mortalEngine(await openEngine(told.socket, {}), life), { logs: false, mayAct, now: () => Date.now() + LONG_MS });
}

const told: KillableAgent = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
// Nothing of this process runs after it, as with the kernel's own kill of an agent that ran out of memory.
const counted = openLife(told.dieAt, () => process.kill(process.pid, "SIGKILL"));
const life: Life = {
  isOver: counted.isOver,
  step: async (name) => {
    await counted.step(name);
    appendFileSync(told.stepsFile, `${name}\n`);
  },
};
await live({
  life,
  store: await openExecutionStore(told.stateDir),
  runtime: await openRuntime(told, life),
  hooks: openHooks({ ...told.hooks, timeoutMs: LONG_MS, env: process.env }),
  ahead: told.tasks.filter((task) => task.components.length > 0),
  wishes: told.tasks.map((task) => ({ task, validUntilMs: 0 })),
  hear: (line) => appendFileSync(told.heardFile, `${JSON.stringify(line)}\n`),
});
process.exit(0);
