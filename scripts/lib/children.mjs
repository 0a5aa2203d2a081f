import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { root } from "./paths.mjs";
import { endProcess, processStartId } from "./processes.mjs";

const firstDelayMs = 250;
const longestDelayMs = 30_000;
const steadyMs = 60_000;

/**
 * How long to wait before a crashed process starts again.
 * @param {number} crashes how often it crashed in a row, 1 for the first time
 */
export const restartDelayMs = (crashes) => Math.min(longestDelayMs, firstDelayMs * 2 ** (crashes - 1));

/**
 * Calls `restart` again, with growing pauses, each time `crashed` is called. A process that had run for a minute
 * counts as sound and starts again at once.
 */
export class Restarts {
  #crashes = 0;
  #since = Date.now();
  #timer;
  #ended = false;

  /** @param {() => void | Promise<void>} restart */
  schedule(restart) {
    if (this.#ended) return 0;
    this.#crashes = Date.now() - this.#since > steadyMs ? 1 : this.#crashes + 1;
    const delayMs = restartDelayMs(this.#crashes);
    this.#timer = setTimeout(() => {
      this.#since = Date.now();
      void restart();
    }, delayMs);
    return delayMs;
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }
}

/**
 * One Node.js process of ours, started again when it crashes. It gets an IPC channel and must exit on "disconnect":
 * that is how it learns that its supervisor was killed with -9. It has a process group of its own, so that a Ctrl-C in
 * the terminal reaches the supervisor alone, which stops things in order.
 */
export class SupervisedChild {
  #child;
  #restarts = new Restarts();
  #stopping = false;

  /**
   * @param {{ name: string, args: string[], env: NodeJS.ProcessEnv, logFile?: string, log: (line: string) => void, onChange: () => void }} options
   *   `logFile`: where its output goes; without one it shares our terminal
   */
  constructor(options) {
    this.options = options;
    this.crashes = 0;
  }

  get pid() {
    return this.#child?.pid;
  }

  start() {
    const { name, args, env, logFile, log, onChange } = this.options;
    const output = logFile ? openSync(logFile, "a", 0o600) : "inherit";
    const child = spawn(process.execPath, args, { cwd: root, env, detached: true, stdio: ["ignore", output, output, "ipc"] });
    if (logFile) closeSync(output);
    this.#child = child;
    const ended = (how) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      onChange();
      if (this.#stopping) return;
      this.crashes += 1;
      const delayMs = this.#restarts.schedule(() => this.start());
      log(`${name} ended unexpectedly (${how}); starting it again in ${(delayMs / 1000).toFixed(1)} s`);
    };
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => ended(signal ?? `exit code ${code}`));
    onChange();
  }

  /** Asks it to end and waits; after 15 s it is killed. */
  async stop() {
    this.#stopping = true;
    this.#restarts.end();
    const child = this.#child;
    const startId = child?.pid && processStartId(child.pid);
    if (!startId) return;
    await endProcess({ pid: child.pid, startId }, [
      ["SIGTERM", 15_000],
      ["SIGKILL", 5_000],
    ]);
  }

  /** Ends it without waiting. */
  kill() {
    this.#stopping = true;
    this.#restarts.end();
    this.#child?.kill("SIGKILL");
  }
}
