import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { jitteredMs } from "@/cli/agent/backoff";
import { Confirmations } from "@/cli/agent/confirmations";
import { Converger, DEFAULT_PARALLEL } from "@/cli/agent/converge";
import { DesiredWatch, seenCheckpoint } from "@/cli/agent/desired-watch";
import type { EventJournal } from "@/cli/agent/event-journal";
import type { ExecutionRecord, ExecutionStore } from "@/cli/agent/execution-store";
import { ProgressSender } from "@/cli/agent/progress-sender";
import { Reporter } from "@/cli/agent/reporter";
import type { Answer as AgentAnswer, Transport } from "@/cli/agent/transport";
import type { SimulatedImage } from "@/cli/simulate/image";
import type { EnrolRequest, EnrolResponse } from "@/lib/contract/agent";
import { openCheckpoint } from "@/lib/domain/ledger/checkpoint";
import type { DesiredState } from "@/lib/domain/ledger/desired-state";
import { parseVkey } from "@/lib/domain/ledger/signed-note";
import { SideBySide, type Reading } from "./side-by-side";
import { SimulatedHost, type HostPlan } from "./simulated-host";
import { openConnection, openPool, type Answer, type Connection, type Pool } from "./wire";

/** What happens in a fleet, on this process's monotonic clock (performance.now()), as if each host had a processor of its own. */
export type FleetListener = {
  /** An agent has verified a document: from here on it holds that state. */
  onHeld?(agent: SimulatedAgent, state: DesiredState, atMs: number): void;
  onRefused?(agent: SimulatedAgent, reason: string, detail: string): void;
  log?(line: string): void;
};

export type FleetOptions = FleetListener & {
  url: string;
  /** Any number of hosts may enrol with it. */
  enrolmentToken: string;
  plans: readonly HostPlan[];
  /** Images that their registry has, by digest. */
  images: readonly SimulatedImage[];
  /** How often they report when nothing changes. */
  intervalMs: number;
};

export type Fleet = {
  agents: readonly SimulatedAgent[];
  /** First reports are in and everyone asks what is desired; ends them all. */
  stop(): Promise<void>;
};

/** As the real agent waits, so that what happens together is told together. */
const DEBOUNCE_MS = 250;
const ENROL_PARALLEL = 8;
/** Reports and progress share these; each agent waits for its desired state on a connection of its own. */
const POST_CONNECTIONS = 500;

/**
 * Enrols and starts a fleet in this process. Each agent is put together from the real one's parts (what verifies, obeys,
 * reports and tells progress is the very code that runs on hosts), with state in memory and sockets that are shared.
 * Resolves when every first report was taken.
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const images = new Map(options.images.flatMap((image) => [[image.digest, image], [image.configDigest, image]] as const));
  const posts = openPool(options.url, POST_CONNECTIONS);
  const agents: SimulatedAgent[] = [];
  const running: Promise<void>[] = [];
  const waiting = [...options.plans];
  const stopping = new AbortController();
  // Every agent listens to the one signal.
  setMaxListeners(0, stopping.signal);
  await Promise.all(
    Array.from({ length: ENROL_PARALLEL }, async () => {
      for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
        const agent = new SimulatedAgent({ ...options, identity: await enrol(options, plan), plan, posts, find: (digest) => images.get(digest) ?? null });
        await agent.introduce();
        agents.push(agent);
        // At once: until the last of many has enrolled, the first would long be silent.
        running.push(agent.run(stopping.signal));
      }
    }),
  );
  return {
    agents,
    stop: async () => {
      stopping.abort();
      for (const agent of agents) agent.hangUp();
      await Promise.all(running);
      posts.close();
    },
  };
}

async function enrol({ url, enrolmentToken, intervalMs }: FleetOptions, plan: HostPlan): Promise<EnrolResponse> {
  const body: EnrolRequest = { v: 1, token: enrolmentToken, name: plan.name, runtime: "simulated", agentVersion: "simulated", region: plan.region, intervalMs };
  const response = await fetch(`${url}/api/agent/v1/enroll`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${plan.name} could not enrol: ${await response.text()}`);
  return (await response.json()) as EnrolResponse;
}

type AgentOptions = FleetListener & { url: string; intervalMs: number; identity: EnrolResponse; plan: HostPlan; posts: Pool; find(digest: string): SimulatedImage | null };

/** One agent of a simulated fleet. */
export class SimulatedAgent {
  readonly host: SimulatedHost;
  /** The agent's id at the server. */
  readonly id: string;
  private readonly reporter: Reporter;
  private readonly desired: DesiredWatch;
  private readonly converger: Converger;
  private readonly options: AgentOptions;
  private readonly confirmations = new Confirmations();
  private line: Connection | null = null;
  private reading: Reading | null = null;
  private silentUntil = 0;
  private wakeReports: (afterMs: number) => void = () => undefined;
  private stopWaiting: () => void = () => undefined;

  constructor(options: AgentOptions) {
    const { identity, plan } = options;
    this.options = options;
    this.id = identity.agent;
    this.host = new SimulatedHost(plan, options.find, () => this.wakeReports(DEBOUNCE_MS));
    const transport: Transport = { post: (path, bytes) => this.post(path, bytes), get: (path, _timeoutMs, signal) => this.ask(path, signal), close: () => this.hangUp() };
    const log = (text: string): void => options.log?.(`${plan.name}: ${text}`);
    const store = storeInMemory();
    const progress = new ProgressSender({ transport, random: Math.random, log, pause: (ms) => sleep(ms), givesUp: () => false, onEndHeard: (target, generation) => this.converger.markReported(target, generation) });
    this.converger = new Converger({
      runtime: this.host,
      store,
      mayAct: () => true,
      parallel: DEFAULT_PARALLEL,
      report: (line) => {
        progress.add(line);
        if (line.step === "done") this.confirmations.ended(performance.now());
        this.wakeReports(DEBOUNCE_MS);
      },
      refetch: () => this.desired.refetch(),
      now: () => this.host.now(),
      monotonic: () => performance.now(),
    });
    this.reporter = new Reporter({ transport, journal: noJournal, newBootId: randomUUID, observe: () => this.host.observe(), now: () => this.host.now(), random: Math.random, log });
    this.desired = new DesiredWatch({
      transport,
      agent: identity.agent,
      origin: identity.origin,
      vkey: identity.vkey,
      held: { epoch: identity.epoch, version: 0, checkpoint: seenCheckpoint(openCheckpoint(identity.checkpoint, [parseVkey(identity.vkey)], identity.origin)) },
      obeyed: () => Object.fromEntries(store.all().map((record) => [record.task.target, record.obeyedEntry])),
      saveHeld: () => Promise.resolve(),
      onVerified: (state, wishes) => {
        options.onHeld?.(this, state, this.reading?.atMs() ?? performance.now());
        void hosts.over().then(() => {
          progress.hold(state.version);
          this.converger.accept(wishes);
        });
      },
      // Its registry is its own memory: there is nothing to fetch ahead.
      onPrefetchRefused: ({ target, detail }) => log(`${target}: ${detail}`),
      onRefused: ({ reason, detail, version }) => {
        options.onRefused?.(this, reason, detail);
        progress.refuse({ reason, detail, ...(version === undefined ? {} : { version }) });
      },
      monotonic: () => performance.now(),
      random: Math.random,
      log,
    });
  }

  /** Neither reports nor asks for so long; what runs goes on. */
  fallSilent(ms: number): void {
    this.silentUntil = performance.now() + ms;
    this.hangUp();
  }

  /** The first report. @throws Error when the server does not take it */
  async introduce(): Promise<void> {
    if (!(await this.reporter.send()).delivered) throw new Error(`the first report of ${this.options.plan.name} was not taken`);
  }

  /** Reports and obeys until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.stopWaiting());
    await Promise.all([this.keepReporting(signal), this.keepFollowing(signal)]);
    this.host.close();
    await this.converger.drain();
  }

  /** Breaks off the question that waits; the next one takes a new connection. */
  hangUp(): void {
    this.line?.close();
    this.line = null;
  }

  private async keepReporting(signal: AbortSignal): Promise<void> {
    let dueAt = performance.now() + jitteredMs(this.options.intervalMs, Math.random()) * Math.random();
    while (!signal.aborted) {
      await this.until(() => dueAt, (due) => (dueAt = Math.min(dueAt, due)));
      if (signal.aborted) return;
      const now = performance.now();
      dueAt = now + Math.min(jitteredMs(this.options.intervalMs, Math.random()), this.confirmations.nextInMs(now));
      if (this.isSilent()) continue;
      const { retryMs } = await this.reporter.send();
      if (retryMs !== null) dueAt = performance.now() + retryMs;
    }
  }

  /** Resolves at the due time, which changes on the host bring forward. */
  private until(due: () => number, bringForward: (due: number) => void): Promise<void> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const end = (): void => {
        clearTimeout(timer);
        // What changes while a report is under way goes into the one after it.
        this.wakeReports = (afterMs) => bringForward(performance.now() + afterMs);
        resolve();
      };
      const arm = (): void => {
        clearTimeout(timer);
        timer = setTimeout(end, Math.max(0, due() - performance.now()));
      };
      this.wakeReports = (afterMs) => {
        bringForward(performance.now() + afterMs);
        arm();
      };
      this.stopWaiting = end;
      arm();
    });
  }

  private async keepFollowing(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const silentMs = this.silentUntil - performance.now();
      const waitMs = silentMs > 0 ? silentMs : await this.desired.poll(undefined, signal);
      this.reading?.end();
      this.reading = null;
      await hosts.over();
      if (waitMs > 0 && !signal.aborted) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private isSilent(): boolean {
    return performance.now() < this.silentUntil;
  }

  private async post(path: string, bytes: Uint8Array): Promise<AgentAnswer> {
    if (this.isSilent()) throw new Error("this host is cut off");
    return parsed(await this.options.posts.use((connection) => connection.post(path, this.options.identity.token, Buffer.from(bytes).toString("utf8"))));
  }

  private async ask(path: string, signal: AbortSignal | undefined): Promise<AgentAnswer> {
    signal?.throwIfAborted();
    try {
      this.line ??= await openConnection(this.options.url);
      const answer = await this.line.get(path, this.options.identity.token);
      if (answer.status === 200) this.reading = await hosts.begin();
      return parsed(answer);
    } catch (error) {
      this.hangUp();
      throw error;
    }
  }
}

/** All hosts of this process. */
const hosts = new SideBySide();

function parsed({ status, body }: Answer): AgentAnswer {
  return { status, body: body === "" ? null : JSON.parse(body) };
}

function storeInMemory(): ExecutionStore {
  const records = new Map<string, ExecutionRecord>();
  return { get: (target) => records.get(target), all: () => [...records.values()], put: (record) => Promise.resolve(void records.set(record.task.target, record)) };
}

/** A simulated host has no events of its own to tell later. */
const noJournal: EventJournal = { add: () => undefined, peek: () => [], acknowledge: () => Promise.resolve(), size: () => 0, flush: () => Promise.resolve() };
