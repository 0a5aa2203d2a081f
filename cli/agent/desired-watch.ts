import { randomBytes } from "node:crypto";
import { sha256ByPlatform, verifyByPlatform } from "@/cli/platform-crypto";
import { toBase64 } from "@/lib/domain/ledger/bytes";
import { verifyDesired } from "@/lib/domain/ledger/desired-state";
import type { ConsistencyProof, DesiredState, DesiredTarget, DesiredVerdict } from "@/lib/domain/ledger/desired-state";
import type { VerifyEd25519 } from "@/lib/domain/ledger/signed-note";
import { backoffMs } from "./backoff";
import type { Wish } from "./converge";
import type { HeldState } from "./desired-store";
import { messageOf } from "./error-message";
import type { PrefetchTask, Task } from "./runtimes/runtime";
import { fieldOf, sentenceOf } from "./transport";
import type { Transport } from "./transport";

export interface DesiredOptions {
  transport: Transport;
  agent: string;
  origin: string;
  vkey: string;
  held: HeldState;
  /** The highest entry obeyed per target. */
  obeyed(): Record<string, number>;
  /** Durable before it resolves. */
  saveHeld(held: HeldState): Promise<void>;
  onVerified(state: DesiredState, wishes: Wish[], prefetch: PrefetchTask[]): void;
  /** Something that may not be fetched ahead. */
  onPrefetchRefused(refused: { target: string; rollout: string; detail: string }): void;
  /** A document, or one target of it, that is not believed. */
  onRefused(refusal: { reason: string; detail: string; version?: number; target?: string; generation?: number; rollout?: string | null }): void;
  monotonic(): number;
  random(): number;
  log(message: string): void;
  /** The platform's own Ed25519 when absent. */
  verify?: VerifyEd25519;
}

const WAIT_S = 25;
const REFUSED_FIRST_MS = 5_000;
const UNAUTHORISED_MS = 60_000;

/** Asks for the signed desired state, verifies it, and hands on what may be acted on. */
export class DesiredWatch {
  /** 0 at the start of a process: the newest document is read once more, and generations keep it from being obeyed twice. */
  private after = 0;
  private failures = 0;
  private held: HeldState;
  private lastSaid = "";
  private away = false;

  constructor(private readonly options: DesiredOptions) {
    this.held = options.held;
  }

  /** Asks again for a document that was held before. */
  refetch(): void {
    this.after = 0;
  }

  /** Whether the last request found no server at all, so that any other sign of it is a reason to ask at once. */
  isAway(): boolean {
    return this.away;
  }

  /** One request. Resolves with how long to wait before the next one. Never rejects. */
  async poll(waitS: number = WAIT_S, signal?: AbortSignal): Promise<number> {
    const nonce = randomBytes(24).toString("base64url");
    const query = `after=${this.after}&wait=${waitS}&nonce=${nonce}&checkpoint=${this.held.checkpoint?.size ?? 0}`;
    try {
      const sentAt = this.options.monotonic();
      const answer = await this.options.transport.get(`/api/agent/v1/desired?${query}`, (waitS + 15) * 1_000, signal);
      this.away = false;
      if (answer.status === 204) {
        this.recovered();
        // A server that answers at once instead of waiting is not asked again at once.
        return waitS > 1 && this.options.monotonic() - sentAt < 500 ? 1_000 : 0;
      }
      if (answer.status === 200) return await this.take(answer.body, nonce);
      this.failures += 1;
      this.say(`the server refused to tell the desired state: ${sentenceOf(answer)}`);
      if (answer.status === 401 || answer.status === 403) return UNAUTHORISED_MS;
      return answer.retryAfterS === undefined ? backoffMs(this.failures, this.options.random()) : Math.min(answer.retryAfterS, 300) * 1_000;
    } catch (error) {
      if (signal?.aborted) return 0;
      this.away = true;
      this.failures += 1;
      this.say(`the desired state is not reached: ${messageOf(error)}`);
      return backoffMs(this.failures, this.options.random());
    }
  }

  private async take(body: unknown, nonce: string): Promise<number> {
    const document = fieldOf(body, "document");
    const signature = fieldOf(body, "signature");
    const verdict: DesiredVerdict =
      typeof document === "string" && typeof signature === "string"
        ? verifyDesired({
            document,
            signature,
            consistency: consistencyOf(fieldOf(body, "consistency")),
            trust: { origin: this.options.origin, vkey: this.options.vkey, epoch: this.held.epoch, agentId: this.options.agent, nonce, lastVersion: this.held.version, checkpoint: this.held.checkpoint, obeyed: this.options.obeyed() },
            verify: this.options.verify ?? verifyByPlatform,
            sha256: sha256ByPlatform,
          })
        : { ok: false, reason: "malformed", detail: "the answer holds no document and signature" };
    if (!verdict.ok) {
      this.failures += 1;
      this.say(`the desired state is refused (${verdict.reason}): ${verdict.detail}; what runs is kept`);
      this.options.onRefused({ reason: verdict.reason, detail: verdict.detail.slice(0, 1_000) });
      return backoffMs(this.failures, this.options.random(), REFUSED_FIRST_MS);
    }
    const { state } = verdict;
    const validUntilMs = this.options.monotonic() + state.ttlMs;
    this.held = { epoch: state.epoch, version: state.version, checkpoint: verdict.checkpoint };
    await this.options.saveHeld(this.held);
    this.after = state.version;
    this.recovered();
    for (const refused of verdict.refusedTargets) {
      this.options.log(`${refused.target} is refused (${refused.reason}): ${refused.detail}`);
      const told = targetOf(document, refused.target);
      this.options.onRefused({ reason: refused.reason, detail: `${refused.target}: ${refused.detail}`.slice(0, 1_000), version: state.version, target: refused.target, ...told });
    }
    for (const { target, rollout, reason, detail } of verdict.refusedPrefetch) this.options.onPrefetchRefused({ target, rollout, detail: `${reason}: ${detail}` });
    this.options.onVerified(state, wishesOf(verdict, validUntilMs), prefetchOf(verdict));
    return 0;
  }

  private recovered(): void {
    if (this.lastSaid !== "") this.options.log("the desired state is told again");
    this.failures = 0;
    this.lastSaid = "";
  }

  private say(message: string): void {
    if (message === this.lastSaid) return;
    this.lastSaid = message;
    this.options.log(message);
  }
}

type Verified = Extract<DesiredVerdict, { ok: true }>;

/** The tasks of a verified document. A rollout of kind `replace` wants new copies even of the right bytes; its entry says so. */
function wishesOf(verdict: Verified, validUntilMs: number): Wish[] {
  return verdict.state.targets.map((target) => ({
    validUntilMs,
    task: {
      target: target.target,
      generation: target.generation,
      rollout: target.rollout,
      entry: target.entry,
      service: target.service,
      environment: target.environment,
      repository: target.repository ?? "",
      components: target.stop ? [] : locate(verdict, target),
      force: verdict.replacing.has(target.entry),
    },
  }));
}

function prefetchOf(verdict: Verified): PrefetchTask[] {
  return verdict.state.prefetch.map((wanted) => {
    const { target, rollout, entry, service, environment, repository } = wanted;
    return { target, rollout, entry, service, environment, repository, components: locate(verdict, wanted) };
  });
}

/** Each component with where its own bytes are: the document names one repository, and the entry that of each. */
function locate({ repositories }: Verified, { entry, components }: Pick<DesiredTarget, "entry" | "components">): Task["components"] {
  return components.map(({ name, digests }) => {
    const repository = repositories.get(entry)?.get(name);
    return { name, digests, ...(repository !== undefined && { repository }) };
  });
}

function consistencyOf(value: unknown): ConsistencyProof | null {
  const from = fieldOf(value, "from");
  const to = fieldOf(value, "to");
  const proof = fieldOf(value, "proof");
  return typeof from === "number" && typeof to === "number" && Array.isArray(proof) && proof.every((hash) => typeof hash === "string") ? { from, to, proof } : null;
}

/** Generation and rollout of a refused target, from a document whose signature was verified. */
function targetOf(document: unknown, target: string): { generation?: number; rollout?: string | null } {
  const state: DesiredState = JSON.parse(String(document));
  const found = state.targets.find((one) => one.target === target);
  return found ? { generation: found.generation, rollout: found.rollout } : {};
}

/** The checkpoint of an enrolment as the agent keeps it. */
export function seenCheckpoint(checkpoint: { size: number; root: Uint8Array }): { size: number; root: string } {
  return { size: checkpoint.size, root: toBase64(checkpoint.root) };
}
