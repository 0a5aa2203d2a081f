import { backoffMs } from "./backoff";
import type { RunEnd } from "./agent";
import { messageOf } from "./error-message";

const FIRST_MS = 4_000;
const MOST_MS = 15 * 60_000;

export interface StayOptions {
  /** Runs the agent that this host is now, until it is stopped or retired. */
  run(): Promise<RunEnd>;
  /** Enrols the host again; resolves with who it is then. */
  enrolAgain(): Promise<string>;
  pause(ms: number): Promise<void>;
  random(): number;
  log(message: string): void;
  signal: AbortSignal;
}

/**
 * Runs an agent, and enrols its host again when the server has retired it: a host that was cut off for longer than its pool
 * waits comes back by itself. Each attempt waits longer than the one before, up to a quarter of an hour, until a report was
 * taken again.
 */
export async function stayEnrolled({ run, enrolAgain, pause, random, log, signal }: StayOptions): Promise<void> {
  for (let attempts = 0; ; ) {
    const end = await run();
    if (!end.retired) return;
    if (end.delivered) attempts = 0;
    for (let enrolled = false; !enrolled; attempts += 1) {
      const waitMs = backoffMs(attempts, random(), FIRST_MS, MOST_MS);
      log(`the server has retired this agent; the host is enrolled again in ${Math.round(waitMs / 1_000)} s`);
      await pause(waitMs);
      if (signal.aborted) return;
      try {
        log(`enrolled again as ${await enrolAgain()}`);
        enrolled = true;
      } catch (error) {
        log(`the host could not be enrolled again: ${messageOf(error)}`);
      }
    }
  }
}
