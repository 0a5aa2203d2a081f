import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { startTimeOf } from "@/cli/processes/process-store";

/** A command that was started, told from a later process of the same number by its start time. */
export interface CommandProcess {
  pid: number;
  startTime: string;
}

export interface CommandResult {
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  /** The end of standard error. */
  stderrTail: string;
  timedOut: boolean;
  /** Whether standard output was longer than allowed; the rest was thrown away. */
  truncated: boolean;
}

const STDERR_TAIL_BYTES = 8 * 1024;

export interface CommandOptions {
  env: Record<string, string | undefined>;
  timeoutMs: number;
  maxStdoutBytes: number;
  /** Awaited before the command does anything: whoever notes it down here never has an unknown one running. */
  started?: (command: CommandProcess) => Promise<void>;
}

/** Runs its first argument once a line comes in. At the end of the input, which is the agent's end, it runs nothing. */
export const GATE = 'IFS= read -r go && exec /bin/sh -c "$1" </dev/null';

/**
 * Runs an operator's command line by `/bin/sh -c` with bounded output and time. Past the time its whole process group
 * is ended. Rejects when the shell itself cannot be started, or when `started` does.
 */
export function runCommand(command: string, options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", GATE, "sh", command], { env: options.env as NodeJS.ProcessEnv, stdio: ["pipe", "pipe", "pipe"], detached: true });
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    let stderr = Buffer.alloc(0);
    let timedOut = false;
    const late = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
      // Something that left the group may hold the pipes open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
    }, options.timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => {
      stdoutBytes += chunk.byteLength;
      if (stdoutBytes <= options.maxStdoutBytes) stdout.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr = Buffer.concat([stderr, chunk]).subarray(-STDERR_TAIL_BYTES);
    });
    const giveUp = (error: unknown): void => {
      clearTimeout(late);
      endGroup(child.pid);
      reject(error);
    };
    child.on("error", giveUp);
    // It may have been ended before it is let go.
    child.stdin.on("error", () => undefined);
    const letGo = () => child.stdin.end("go\n");
    if (options.started) options.started({ pid: child.pid ?? 0, startTime: startTimeOf(child.pid ?? 0) ?? "" }).then(letGo, giveUp);
    else letGo();
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(late);
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString("utf8"), stderrTail: stderr.toString("utf8").trim(), timedOut, truncated: stdoutBytes > options.maxStdoutBytes });
    };
    // A daemon that the command leaves behind may keep the pipes: a moment after the command's end is enough.
    child.on("exit", (code, signal) => {
      const grace = setTimeout(() => finish(code, signal), 500);
      child.once("close", () => {
        clearTimeout(grace);
        finish(code, signal);
      });
    });
  });
}

/** A command's process as a state file keeps it, or null when it is none. */
export function readCommandProcess(value: unknown): CommandProcess | null {
  if (typeof value !== "object" || value === null || !("pid" in value) || !("startTime" in value)) return null;
  return typeof value.pid === "number" && typeof value.startTime === "string" ? { pid: value.pid, startTime: value.startTime } : null;
}

/** Waits for the end of a command that an agent left running when it was killed, and ends it after `timeoutMs`. */
export async function outliveCommand(left: CommandProcess, timeoutMs: number): Promise<void> {
  const isRunning = (): boolean => left.startTime !== "" && startTimeOf(left.pid) === left.startTime;
  const until = performance.now() + timeoutMs;
  // What not even a kill ends within a moment waits for its disk; nobody can do more.
  while (isRunning() && performance.now() < until + 5_000) {
    if (performance.now() >= until) endGroup(left.pid);
    await sleep(100);
  }
}

/** The end of what a command said about itself, for a message. */
export function tailOf(result: Pick<CommandResult, "stderrTail" | "stdout">): string {
  return (result.stderrTail || result.stdout.trim()).slice(-1_500);
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself in this moment.
    return;
  }
}
