import { setTimeout as sleep } from "node:timers/promises";
import { CliError, EXIT } from "@/cli/client";
import { decideExit, type End, type Standing } from "./decide-exit";
import { PATIENCE_MS } from "./options";
import type { Away } from "./render-progress";

export type FollowOptions = {
  /** When this command gives up (performance.now()); null for never, as long as the server answers. */
  deadline: number | null;
  waitForPeople: boolean;
};

/** Where progress goes: a terminal that redraws, or a stream of lines. */
export type View<T> = { show(value: T | null, away: Away | null, end: End | null): void; close(): void };

const POLL_MS = 700;
const ANSWER_MS = 10_000;
/** A last question may take so long even when less time is left: an answer is worth more than being on time. */
const LEAST_ANSWER_MS = 2_000;

/**
 * Asks how it stands until it is over, the time is up, or somebody interrupts; shows each answer. A server that is away
 * is asked again. Only watches: what it follows goes on whatever happens here.
 * @param name what is followed, for the sentence of who interrupts it, for example `R-12`
 * @returns the exit code
 * @throws CliError for what the server refuses
 */
export async function follow<T>(input: { load(signal: AbortSignal): Promise<T>; standingOf(value: T): Standing; view: View<T>; options: FollowOptions; name: string; pause?: (ms: number, signal: AbortSignal) => Promise<unknown> }): Promise<number> {
  const { load, standingOf, view, options, name, pause = (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined) } = input;
  const interruption = new AbortController();
  let interruptedBy: number | null = null;
  const interrupt = (exit: number) => () => {
    interruptedBy ??= exit;
    interruption.abort();
  };
  const handlers = [["SIGINT", interrupt(EXIT.interrupted)], ["SIGTERM", interrupt(EXIT.terminated)]] as const;
  for (const [signal, handler] of handlers) process.on(signal, handler);
  let value: T | null = null;
  let awaySince: number | null = null;
  let why = "";
  try {
    for (;;) {
      const leftMs = (options.deadline ?? Number.POSITIVE_INFINITY) - performance.now();
      const late = AbortSignal.timeout(Math.ceil(Math.min(ANSWER_MS, Math.max(LEAST_ANSWER_MS, leftMs))));
      try {
        value = await load(AbortSignal.any([interruption.signal, late]));
        awaySince = null;
      } catch (error) {
        if (!(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
        // That the time was up before the answer does not mean that nobody was there.
        if (!late.aborted || leftMs >= ANSWER_MS || awaySince !== null) {
          awaySince ??= performance.now();
          why = reasonIn(error);
        }
      }
      const now = performance.now();
      const away = awaySince === null ? null : { forMs: now - awaySince, why };
      const timedOut = now >= (options.deadline ?? (awaySince === null ? Number.POSITIVE_INFINITY : awaySince + PATIENCE_MS));
      const end = interruptedBy === null ? decideExit({ standing: value === null ? null : standingOf(value), away: away !== null, timedOut, waitForPeople: options.waitForPeople }) : interrupted(interruptedBy, name);
      view.show(value, interruptedBy === null ? away : null, end);
      if (end) return end.exit;
      await pause(Math.max(0, Math.min(POLL_MS, (options.deadline ?? Number.POSITIVE_INFINITY) - performance.now())), interruption.signal);
    }
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
    view.close();
  }
}

function interrupted(exit: number, name: string): End {
  return { exit, sentence: `No longer watched; ${name} goes on by itself. ${name.startsWith("R-") ? `Watch it again: plumbline rollout watch ${name}. Make no new offers: plumbline rollout pause ${name}` : "Watch its rollouts: plumbline rollout list --active"}` };
}

/** What stands in the brackets of the client's sentence. */
function reasonIn(error: CliError): string {
  return /\((.*?)\)/.exec(error.message)?.[1] ?? error.problem?.detail ?? "no answer";
}
