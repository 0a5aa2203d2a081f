import { backoffMs } from "./backoff";
import { messageOf } from "./error-message";
import type { EventJournal } from "./event-journal";
import { buildDelta, buildFull, fits, indexObservation } from "./report";
import type { Acknowledged } from "./report";
import type { Observation } from "./runtimes/runtime";
import type { Answer, Transport } from "./transport";
import { toWire } from "./to-wire";
import { fieldOf, sentenceOf } from "./transport";

export interface ReporterOptions {
  transport: Transport;
  journal: EventJournal;
  /** A new identifier of this process's run; asked again when the server has lost the current one. */
  newBootId(): string;
  observe(): Promise<Observation>;
  now(): number;
  random(): number;
  log(message: string): void;
}

export interface SendResult {
  /** True when the server has what was seen. */
  delivered: boolean;
  /** How long to wait before the next attempt; null: at the next interval. */
  retryMs: number | null;
  /** Whether the server says that this agent has ended, and that its host may enrol again. */
  retired?: true;
  /** The newest desired-state version, as the server says. */
  desiredVersion?: number;
}

/** Requests of one seq that wait for their answer: the same bytes are sent again until there is one. */
interface Outbox {
  bodies: Uint8Array[];
  next: number;
  after: Acknowledged;
  eventIds: string[];
}

/** The protocol versions this agent speaks. */
export const SPOKEN = { min: 1, max: 1 } as const;

const REJECTED_RETRY_MS = 30_000;
const UNAUTHORISED_RETRY_MS = 60_000;

/**
 * Tells the server what runs: a full report first, then deltas, an empty one when nothing changed. One seq is open at a
 * time, and it is repeated byte by byte until it is answered. No answer ends it.
 */
export class Reporter {
  private bootId: string;
  private seq = 1;
  /** Whether the server has taken any report of this boot; until then its first one stays number 1. */
  private opened = false;
  private full = true;
  private acknowledged: Acknowledged = { targets: new Map(), instances: new Map() };
  private outbox: Outbox | null = null;
  private failures = 0;
  private lastSaid = "";

  constructor(private readonly options: ReporterOptions) {
    this.bootId = options.newBootId();
  }

  /** Observes and delivers once. Never rejects. */
  async send(): Promise<SendResult> {
    try {
      this.outbox ??= await this.prepare();
      const answer = await this.deliver(this.outbox);
      return await this.settle(this.outbox, answer);
    } catch (error) {
      this.failures += 1;
      this.say(`the server is not reached: ${messageOf(error)}`);
      return { delivered: false, retryMs: backoffMs(this.failures, this.options.random()) };
    }
  }

  /** Whether something waits that was observed earlier: the next `send` then repeats that first. */
  hasOutbox(): boolean {
    return this.outbox !== null;
  }

  private async prepare(): Promise<Outbox> {
    // From before looking: nothing that is told was seen earlier than it says, however long looking takes.
    const observedAt = new Date(this.options.now()).toISOString();
    const observation = await this.options.observe();
    const events = this.options.journal.peek();
    const frame = { bootId: this.bootId, seq: this.seq, observedAt, events };
    let reports = this.full ? buildFull(observation, frame) : [buildDelta(observation, this.acknowledged, frame)];
    // A delta that is too large is a full report in parts.
    if (!this.full && !reports.every(fits)) reports = buildFull(observation, frame);
    const after = indexObservation(observation);
    if (!observation.complete) this.keepUnseen(after);
    return { bodies: reports.map(toWire), next: 0, after, eventIds: events.map((event) => event.id) };
  }

  /** What could not be seen this time is still what the server knows. */
  private keepUnseen(after: Acknowledged): void {
    for (const [key, text] of this.acknowledged.instances) if (!after.instances.has(key)) after.instances.set(key, text);
    for (const [key, text] of this.acknowledged.targets) if (!after.targets.has(key)) after.targets.set(key, text);
  }

  private async deliver(outbox: Outbox): Promise<Answer> {
    let answer: Answer | undefined;
    for (; outbox.next < outbox.bodies.length; outbox.next += 1) {
      answer = await this.options.transport.post("/api/agent/v1/inventory", outbox.bodies[outbox.next] ?? new Uint8Array());
      if (answer.status < 200 || answer.status > 299) return answer;
    }
    return answer ?? { status: 200, body: null };
  }

  private async settle(outbox: Outbox, answer: Answer): Promise<SendResult> {
    if (answer.status >= 200 && answer.status <= 299) {
      if (this.failures > 0 || this.lastSaid !== "") this.options.log("the server answers again");
      this.failures = 0;
      this.lastSaid = "";
      this.seq += 1;
      this.opened = true;
      this.full = false;
      this.acknowledged = outbox.after;
      this.outbox = null;
      await this.options.journal.acknowledge(outbox.eventIds);
      const version = fieldOf(answer.body, "desiredVersion");
      return { delivered: true, retryMs: this.options.journal.size() > 0 ? 0 : null, ...(typeof version === "number" ? { desiredVersion: version } : {}) };
    }
    this.failures += 1;
    this.say(`the server refused the report: ${sentenceOf(answer)}`);
    const wait = answer.retryAfterS === undefined ? undefined : Math.min(answer.retryAfterS, 300) * 1000;
    if (answer.status === 409) {
      // The server lost the thread: everything again, under the next number; if that is refused too, as a new boot.
      const closed = String(fieldOf(answer.body, "type")).endsWith("boot-closed");
      if (closed || (this.failures > 1 && this.full)) {
        this.bootId = this.options.newBootId();
        this.opened = false;
        this.seq = 1;
      }
      this.restart();
      return { delivered: false, retryMs: this.failures > 1 ? backoffMs(this.failures, this.options.random()) : 0 };
    }
    const retired = answer.status === 401 && String(fieldOf(answer.body, "type")).endsWith("agent-retired");
    if (answer.status === 401 || answer.status === 403) return { delivered: false, retryMs: wait ?? UNAUTHORISED_RETRY_MS, ...(retired && { retired }) };
    if (answer.status === 408 || answer.status === 425 || answer.status === 429 || answer.status >= 500 || answer.status < 400) {
      return { delivered: false, retryMs: wait ?? backoffMs(this.failures, this.options.random()) };
    }
    const accepts = fieldOf(answer.body, "accepts");
    const max = fieldOf(accepts, "max");
    if (typeof max === "number" && max < SPOKEN.min) this.say(`the server speaks protocol up to ${max}, this agent from ${SPOKEN.min}: update one of them`);
    // Repeating what was refused for what it says would be refused again: look anew, and give up events it cannot take.
    if (this.failures > 2) await this.options.journal.acknowledge(outbox.eventIds);
    this.restart();
    return { delivered: false, retryMs: wait ?? REJECTED_RETRY_MS };
  }

  private restart(): void {
    this.outbox = null;
    if (this.opened) this.seq += 1;
    this.full = true;
  }

  /** Says a thing once until it changes. */
  private say(message: string): void {
    if (message === this.lastSaid) return;
    this.lastSaid = message;
    this.options.log(message);
  }
}
