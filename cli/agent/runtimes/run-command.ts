import { spawn } from "node:child_process";

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

/**
 * Runs an operator's command line by `/bin/sh -c` with bounded output and time. Past the time its whole process group
 * is ended. Rejects only when the shell itself cannot be started.
 */
export function runCommand(command: string, options: { env: Record<string, string | undefined>; timeoutMs: number; maxStdoutBytes: number }): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", command], { env: options.env as NodeJS.ProcessEnv, stdio: ["ignore", "pipe", "pipe"], detached: true });
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
    child.on("error", (error) => {
      clearTimeout(late);
      reject(error);
    });
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

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself in this moment.
    return;
  }
}
