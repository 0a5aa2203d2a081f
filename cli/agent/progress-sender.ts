import { setImmediate } from "node:timers/promises";
import { backoffMs } from "./backoff";
import type { ProgressReport } from "@/lib/contract/agent";
import { messageOf } from "./error-message";
import type { ProgressLine } from "./runtimes/runtime";
import { sentenceOf } from "./transport";
import { toWire } from "./to-wire";
import type { Transport } from "./transport";

type Refusal = NonNullable<ProgressReport["refusal"]>;

export interface ProgressSenderOptions {
  transport: Transport;
  random(): number;
  log(message: string): void;
  /** Called for each line that says how an execution ended, once the server has it. */
  onEndHeard(target: string, generation: number): Promise<void>;
  pause(ms: number): Promise<void>;
  /** Whether to give up what cannot be sent now: outcomes are told again at the next start. */
  givesUp(): boolean;
}

const MAX_WAITING = 5_000;
const PER_REQUEST = 200;

/** Something in the body is not as the server wants it: no other time is a better one. */
const ABOUT_CONTENT: ReadonlySet<number> = new Set([400, 413, 422]);

const hasText = (line: ProgressLine): boolean => line.message !== undefined || line.logs !== undefined || line.healthOutput !== undefined;

function withoutText(line: ProgressLine): ProgressLine {
  const rest = { ...line };
  delete rest.message;
  delete rest.logs;
  delete rest.healthOutput;
  return rest;
}

/** Tells the server what the executor does, in order, repeated until it answers. Never rejects. */
export class ProgressSender {
  private lines: ProgressLine[] = [];
  private refusal: Refusal | undefined;
  private heldVersion: number | undefined;
  private sending: Promise<void> | null = null;

  constructor(private readonly options: ProgressSenderOptions) {}

  add(line: ProgressLine): void {
    this.lines.push(line);
    // The outcomes are on disk; a long absence costs intermediate steps only.
    if (this.lines.length > MAX_WAITING) this.lines = this.lines.slice(-MAX_WAITING / 2);
    this.kick();
  }

  hold(version: number): void {
    this.heldVersion = version;
    this.kick();
  }

  refuse(refusal: Refusal): void {
    this.refusal = refusal;
    this.kick();
  }

  /** Resolves when nothing waits, or when the next attempt would have to wait. */
  async flush(): Promise<void> {
    await this.sending;
  }

  private kick(): void {
    this.sending ??= this.run().finally(() => {
      this.sending = null;
    });
  }

  private async run(): Promise<void> {
    let failures = 0;
    // So many lines are told one by one: something in one of them is not taken.
    let alone = 0;
    // What comes of one document in one go is told in one request.
    await setImmediate();
    while (this.lines.length > 0 || this.refusal !== undefined || this.heldVersion !== undefined) {
      const batch = this.lines.slice(0, alone > 0 ? 1 : PER_REQUEST);
      // Said with what is taken: a line that is not takes nothing else with it.
      const refusal = alone > 0 ? undefined : this.refusal;
      const heldVersion = alone > 0 ? undefined : this.heldVersion;
      const body: ProgressReport = { v: 1, targets: batch, ...(refusal === undefined ? {} : { refusal }), ...(heldVersion === undefined ? {} : { heldVersion }) };
      let again = false;
      let status = 0;
      try {
        const answer = await this.options.transport.post("/api/agent/v1/progress", toWire(body));
        ({ status } = answer);
        again = answer.status === 401 || answer.status === 429 || answer.status === 408 || answer.status >= 500 || answer.status < 200;
        if (answer.status < 200 || answer.status > 299) this.options.log(`the server refused the progress: ${sentenceOf(answer)}`);
      } catch (error) {
        again = true;
        if (failures === 0) this.options.log(`progress waits: ${messageOf(error)}`);
      }
      if (again) {
        failures += 1;
        if (this.options.givesUp()) return;
        await this.options.pause(backoffMs(failures, this.options.random()));
        continue;
      }
      failures = 0;
      const taken = status >= 200 && status <= 299;
      if (ABOUT_CONTENT.has(status) && alone === 0 && batch.length > 0) {
        alone = batch.length;
        continue;
      }
      const [line] = batch;
      if (ABOUT_CONTENT.has(status) && line && hasText(line)) {
        // How it ended counts more than what it printed.
        this.lines = this.lines.map((each) => (each === line ? withoutText(line) : each));
        continue;
      }
      alone = Math.max(0, alone - 1);
      this.lines = this.lines.filter((line) => !batch.includes(line));
      if (taken || batch.length === 0) {
        if (this.refusal === refusal) this.refusal = undefined;
        if (this.heldVersion === heldVersion) this.heldVersion = undefined;
      }
      // What was not taken is told again at the next start.
      const ended = taken ? batch.filter(({ step }) => step === "done" || step === "failed") : [];
      for (const { target, generation } of ended) await this.options.onEndHeard(target, generation);
    }
  }
}
