import { messageOf } from "./error-message";
import { outliveCommand, runCommand, tailOf } from "./runtimes/run-command";
import type { CommandProcess } from "./runtimes/run-command";
import type { Failure, Task } from "./runtimes/runtime";
import { taskEnvironment } from "./runtimes/task-environment";

export type HookName = "pre" | "post";

/** A command of the host's own, around each replacement. No server can choose it. */
export interface Hook {
  /** null when it ended well. `started` is awaited before the command does anything. */
  run(task: Task, started: (command: CommandProcess) => Promise<void>): Promise<Failure | null>;
  /** Waits until what a killed agent left running has ended, no longer than the hook may take. */
  outlive(left: CommandProcess): Promise<void>;
}

export type Hooks = Partial<Record<HookName, Hook>>;

export interface HookOptions {
  pre?: string;
  post?: string;
  timeoutMs: number;
  env: Record<string, string | undefined>;
}

const MAX_STDOUT_BYTES = 64 * 1024;

/** The commands that this host wants run before and after each replacement. */
export function openHooks(options: HookOptions): Hooks {
  return { ...(options.pre === undefined ? {} : { pre: openHook("pre", options.pre, options) }), ...(options.post === undefined ? {} : { post: openHook("post", options.post, options) }) };
}

function openHook(name: HookName, command: string, { timeoutMs, env }: HookOptions): Hook {
  const consequence = name === "pre" ? "the replacement was not begun" : "the replacement itself was done, and what it started keeps running";
  return {
    run: async (task, started) => {
      let noted: unknown;
      const note = (process: CommandProcess) =>
        started(process).catch((error: unknown) => {
          noted = error;
          throw error;
        });
      try {
        const result = await runCommand(command, { env: { ...env, ...taskEnvironment(task, task.components.length > 0 ? "replace" : "stop"), PLUMBLINE_HOOK: name }, timeoutMs, maxStdoutBytes: MAX_STDOUT_BYTES, started: note });
        if (result.code === 0 && !result.timedOut) return null;
        const how = result.timedOut ? `took longer than ${timeoutMs / 1_000} s and was ended` : `ended with ${result.code === null ? result.signal : `exit code ${result.code}`}`;
        const tail = tailOf(result);
        return { reason: "hook-failed", message: `the ${name}-hook ${how}; ${consequence}${tail === "" ? "" : `: ${tail}`}`, ...(result.code === null || result.timedOut ? {} : { exitCode: result.code }) };
      } catch (error) {
        // That it could not be noted down is no failure of the hook: nothing was run, and the state folder is the trouble.
        if (noted !== undefined) throw error;
        return { reason: "hook-failed", message: `the ${name}-hook cannot be run: ${messageOf(error)}; ${consequence}` };
      }
    },
    outlive: (left) => outliveCommand(left, timeoutMs),
  };
}

/** How an execution ends whose agent was killed inside a hook: nobody knows what the hook did, and it is not run twice. */
export function interruptedHook(name: HookName): Failure {
  const consequence = name === "pre" ? "the replacement was not begun" : "the replacement itself was done";
  return { reason: "interrupted", message: `the agent was ended while the ${name}-hook ran; it is not run again for this generation, and ${consequence}` };
}
