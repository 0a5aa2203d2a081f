import { readJson } from "./files.mjs";
import { existsSync } from "node:fs";
import path from "node:path";
import { ensureBuilt } from "./build.mjs";
import { printError, requireNode } from "./failure.mjs";
import { ensureInstalled } from "./install.mjs";
import { startStack } from "./stack.mjs";

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"];
/** npm passes on the signal that the terminal has already sent to all of us: that is one Ctrl-C, not two. */
const sameKeystrokeMs = 1_000;

/**
 * Runs a stack in this terminal until it is told to stop. Sets the exit code; prints what a person needs to know.
 * @param {() => Record<string, unknown>} readOptions options of startStack, read once the Node.js version is known to do
 * @param {{ afterReady?: (stack: object) => void | Promise<void> }} hooks
 */
export async function runForeground(readOptions, { afterReady } = {}) {
  const log = (line) => console.log(line);
  const stopping = new AbortController();
  let stack;
  listenForStop({ stopping, log, current: () => stack });
  try {
    requireNode();
    const options = readOptions();
    const known = existsSync(path.join(options.dataDir, "keys"));
    await startStack({
      output: "inherit",
      ...options,
      onCreate: (created) => (stack = created),
      log,
      signal: stopping.signal,
      prepare: async () => {
        await ensureInstalled({ log, signal: stopping.signal });
        await ensureBuilt({ log, signal: stopping.signal });
      },
    });
    printWelcome({ stack, known, demo: options.demo === true });
    await afterReady?.(stack);
    if (!stopping.signal.aborted) await new Promise((resolve) => stopping.signal.addEventListener("abort", resolve, { once: true }));
    await stack.stop();
    log("Stopped.");
  } catch (error) {
    await stack?.stop();
    if (stopping.signal.aborted) log("Stopped.");
    else {
      printError(error);
      process.exitCode = 1;
    }
  }
  // The watch on npm and a half-open connection must not keep a stopped supervisor alive.
  process.exit();
}

function listenForStop({ stopping, log, current }) {
  let firstAt;
  const onSignal = (signal) => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      log("\nStopping …");
      stopping.abort(new Error(`Stopped by ${signal}`));
      return;
    }
    if (signal !== "SIGINT" || Date.now() - firstAt < sameKeystrokeMs) return;
    log("Stopping at once.");
    void Promise.resolve(current()?.kill()).finally(() => process.exit(130));
  };
  for (const signal of stopSignals) process.on(signal, onSignal);
  if (process.env.npm_lifecycle_event) watchParent(() => onSignal("SIGTERM"));
}

/** A shell between npm and us does not pass signals on; when it dies, nobody is left to stop us. */
function watchParent(onGone) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, 500);
  timer.unref();
}

/** The web process keeps setup.json as long as nobody has an account. */
function printWelcome({ stack, known, demo }) {
  const setup = readJson(path.join(stack.dataDir, "setup.json"));
  const lines = ["", `Plumbline${demo ? "'s demo" : ""} runs at ${stack.url}`];
  // The demo signs everyone in.
  const link = demo ? undefined : setup?.link;
  if (link && !known) lines.push("", `Set it up here (works once${setup.expiresAt ? `, until ${setup.expiresAt}` : ""}):`, `  ${link}`);
  else if (link) lines.push(`A set-up link is still unused: ${link}`);
  lines.push("", "Ctrl-C stops it.", "");
  console.log(lines.join("\n"));
}
