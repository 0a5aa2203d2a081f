import { setTimeout as sleep } from "node:timers/promises";
import { CliError, createClient, EXIT, type Client, type ClientOptions } from "@/cli/client";
import { deadlineOf, PATIENCE_MS, type FollowFlags } from "./options";

const RETRY_MS = 1_000;

/**
 * A client for who waits for an end: what it looks up is asked again while nobody answers, until the time is up. What brings
 * a signal of its own is asked once, and decisions are their sender's to repeat.
 */
export function createPatientClient(flags: FollowFlags & ClientOptions, pause: (ms: number) => Promise<unknown> = sleep): Client {
  const client = createClient(flags);
  const until = deadlineOf(flags) ?? performance.now() + PATIENCE_MS;
  let said = false;
  const get: Client["get"] = async (path, query, signal) => {
    for (;;) {
      try {
        return await client.get(path, query, signal);
      } catch (error) {
        if (signal || !(error instanceof CliError) || error.exitCode !== EXIT.unreachable || performance.now() >= until) throw error;
        if (!said) process.stderr.write(`${error.message}\nTrying again …\n`);
        said = true;
        await pause(Math.max(0, Math.min(RETRY_MS, until - performance.now())));
      }
    }
  };
  return { ...client, get };
}
