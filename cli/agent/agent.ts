import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { jitteredMs } from "./backoff";
import { Confirmations } from "./confirmations";
import { Converger, DEFAULT_PARALLEL } from "./converge";
import { loadHeldState, saveHeldState } from "./desired-store";
import { DesiredWatch } from "./desired-watch";
import type { Hooks } from "./hooks";
import { Prefetcher } from "./prefetcher";
import { openEventJournal } from "./event-journal";
import { openExecutionStore } from "./execution-store";
import { messageOf } from "./error-message";
import type { Identity } from "./identity";
import { noteTold, readTold } from "./last-told";
import { ProgressSender } from "./progress-sender";
import { Reporter } from "./reporter";
import type { ProgressLine, Runtime } from "./runtimes/runtime";
import { holdStateDir } from "./state-lock";
import { openTransport } from "./transport";

export interface AgentOptions {
  stateDir: string;
  identity: Identity;
  runtime: Runtime;
  mayAct(target: string): boolean;
  /** The host's own commands around each replacement. */
  hooks?: Hooks;
  /** How many targets are worked on at the same time. */
  parallel?: number;
  intervalMs: number;
  /** Whether it ends when the server says that this agent was retired; else it goes on asking. */
  endsWhenRetired?: boolean;
  log(message: string): void;
  /** Ends it: what can be resumed is left, the operator's command gets a moment to finish. */
  signal: AbortSignal;
}

const DEBOUNCE_MS = 250;
const DRAIN_MS = 20_000;
const LAST_WORDS_MS = 2_000;

/** Everything that an agent is made of, opened from its state folder. Throws when another process holds that folder. */
async function assemble(options: AgentOptions, patient: boolean) {
  const { stateDir, identity, runtime } = options;
  const release = await holdStateDir(stateDir);
  const transport = openTransport(identity);
  const journal = await openEventJournal(stateDir, () => Date.now());
  const store = await openExecutionStore(stateDir);
  const wakeup = createWakeup();
  const confirmations = new Confirmations();
  const pause = async (ms: number): Promise<void> => {
    await sleep(ms, undefined, { signal: options.signal }).catch(() => undefined);
  };
  const progress = new ProgressSender({ transport, random: Math.random, log: options.log, pause, givesUp: () => !patient || options.signal.aborted, onEndHeard: (target, generation) => converger.markReported(target, generation) });
  const converger = new Converger({
    runtime,
    store,
    mayAct: options.mayAct,
    hooks: options.hooks,
    parallel: options.parallel ?? DEFAULT_PARALLEL,
    report: (line) => {
      options.log(`${line.target} generation ${line.generation}: ${line.step}${line.message ? ` (${line.message})` : ""}`);
      progress.add(line);
      if (line.step === "done") confirmations.ended(performance.now());
      wakeup.wake(DEBOUNCE_MS);
    },
    onIdle: () => prefetcher.pump(),
    refetch: () => desired.refetch(),
    now: () => Date.now(),
    monotonic: () => performance.now(),
  });
  const tellPrefetch = (line: ProgressLine): void => {
    options.log(`${line.target}: ${line.step}${line.message ? ` (${line.message})` : ""}`);
    progress.add(line);
  };
  const prefetcher = new Prefetcher({
    prefetch: runtime.prefetch?.bind(runtime),
    mayAct: options.mayAct,
    isBusy: () => converger.isBusy(),
    report: tellPrefetch,
    pause,
    givesUp: () => !patient || options.signal.aborted,
    now: () => Date.now(),
    random: Math.random,
  });
  const reporter = new Reporter({ transport, journal, newBootId: randomUUID, observe: () => runtime.observe(), now: () => Date.now(), random: Math.random, log: options.log });
  const desired = new DesiredWatch({
    transport,
    agent: identity.agent,
    origin: identity.origin,
    vkey: identity.vkey,
    held: await loadHeldState(stateDir),
    obeyed: () => Object.fromEntries(store.all().map((record) => [record.task.target, record.obeyedEntry])),
    saveHeld: (held) => saveHeldState(stateDir, held),
    onVerified: (state, wishes, prefetch) => {
      progress.hold(state.version);
      converger.accept(wishes);
      prefetcher.accept(prefetch);
    },
    onPrefetchRefused: ({ target, rollout, detail }) => tellPrefetch({ scope: "engine", target, rollout, generation: 0, step: "prefetch-failed", at: new Date().toISOString(), message: detail.slice(0, 2_000) }),
    onRefused: ({ reason, detail, version, target, generation, rollout }) => {
      progress.refuse({ reason, detail, ...(version === undefined ? {} : { version }) });
      if (target === undefined || generation === undefined) return;
      progress.add({ scope: "engine", target, rollout: rollout ?? null, generation, step: "refused", at: new Date().toISOString(), ...(reason === "older-entry" ? { reason } : {}), message: detail });
    },
    monotonic: () => performance.now(),
    random: Math.random,
    log: options.log,
  });
  const close = async (): Promise<void> => {
    await journal.flush();
    transport.close();
    await release();
  };
  return { journal, wakeup, confirmations, progress, converger, prefetcher, reporter, desired, pause, close };
}

/** How a run ended: retired, or by its signal; and whether the server took any report of it. */
export interface RunEnd {
  retired: boolean;
  delivered: boolean;
}

/**
 * Runs until the signal: reports every interval and at once on the runtime's own events, and brings targets to the
 * verified desired state. No absence of the server ends this, and no answer but the one that `endsWhenRetired` is about.
 */
export async function runAgent(options: AgentOptions): Promise<RunEnd> {
  const retired = new AbortController();
  const signal = AbortSignal.any([options.signal, retired.signal]);
  let delivered = false;
  const { journal, wakeup, confirmations, progress, converger, prefetcher, reporter, desired, pause, close } = await assemble({ ...options, signal }, true);
  const askAgain = createWakeup();
  const stopReports = () => {
    prefetcher.stop();
    wakeup.wake(0);
    askAgain.wake(0);
  };
  signal.addEventListener("abort", stopReports);
  try {
    const watching = options.runtime.watch(
      {
        sinceMs: await readTold(options.stateDir, Date.now()),
        changed: () => wakeup.wake(DEBOUNCE_MS),
        event: (event) => {
          journal.add(event);
          wakeup.wake(DEBOUNCE_MS);
        },
      },
      signal,
    );
    const reporting = (async () => {
      while (!signal.aborted) {
        const lookedAt = Date.now();
        const result = await reporter.send();
        delivered ||= result.delivered;
        if (result.retired && options.endsWhenRetired) retired.abort();
        if (result.delivered) await noteTold(options.stateDir, lookedAt).catch((error: unknown) => options.log(`the state folder cannot be written: ${messageOf(error)}`));
        // Reports come back soonest; what is desired would else be asked for a minute later.
        if (result.delivered && desired.isAway()) askAgain.wake(0);
        // A server that is away is not asked more often because much happens here.
        if (result.retryMs !== null) await pause(result.retryMs);
        else await wakeup.next(Math.min(jitteredMs(options.intervalMs, Math.random()), confirmations.nextInMs(performance.now())));
      }
    })();
    const following = (async () => {
      converger.resume();
      while (!signal.aborted) {
        const waitMs = await desired.poll(undefined, signal);
        if (waitMs > 0 && !signal.aborted) await askAgain.next(waitMs);
      }
    })();
    await Promise.all([watching, reporting, following]);
    await Promise.race([converger.drain(), endOfPatience(options.signal)]);
    await Promise.race([progress.flush(), sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    return { retired: retired.signal.aborted, delivered };
  } finally {
    signal.removeEventListener("abort", stopReports);
    await close();
  }
}

/** What was begun is carried to its end, unless the process is told to end and it takes too long. */
async function endOfPatience(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  await sleep(DRAIN_MS, undefined, { ref: false });
}

/** Observes, reports, obeys what is desired now, reports again; resolves with whether the server took it all. */
export async function runAgentOnce(options: AgentOptions): Promise<boolean> {
  const { progress, converger, prefetcher, reporter, desired, close } = await assemble(options, false);
  try {
    let delivered = (await reporter.send()).delivered;
    if (!delivered) delivered = (await reporter.send()).delivered;
    if (!delivered) return false;
    converger.resume();
    await desired.poll(0);
    await converger.settled();
    await prefetcher.settled();
    await progress.flush();
    return (await reporter.send()).delivered;
  } finally {
    await close();
  }
}

/** One waiting loop that others can wake; wakes that come while it works are kept. */
function createWakeup(): { wake(afterMs: number): void; next(atMostMs: number): Promise<void> } {
  let dueAt = Number.POSITIVE_INFINITY;
  let notify: (() => void) | null = null;
  return {
    wake: (afterMs) => {
      dueAt = Math.min(dueAt, performance.now() + afterMs);
      notify?.();
    },
    next: (atMostMs) =>
      new Promise((resolve) => {
        const last = performance.now() + atMostMs;
        let timer: NodeJS.Timeout | undefined;
        const arm = () => {
          clearTimeout(timer);
          timer = setTimeout(
            () => {
              notify = null;
              dueAt = Number.POSITIVE_INFINITY;
              resolve();
            },
            Math.max(0, Math.min(last, dueAt) - performance.now()),
          );
        };
        notify = arm;
        arm();
      }),
  };
}

