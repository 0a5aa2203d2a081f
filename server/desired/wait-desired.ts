import type { z } from "zod";
import type { DesiredResponse, desiredQuery } from "@/lib/contract/agent";
import { authorise } from "@/server/access/authorise";
import { subscribeDesired } from "@/server/changes/watch-changes";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { buildDesired } from "./build-desired";
import { noteCheckpoint } from "./note-checkpoint";
import { readProjection } from "./read-projection";
import { beginTelling } from "./telling";

/** While the ledger is not signed far enough, how soon to look again. */
const RETRY_MS = 500;

/**
 * Answers with the agent's document as soon as its version is above the one it holds, waiting up to `wait` seconds without
 * a database connection; null when nothing newer came.
 * @throws AppError not-found for an agent that is retired
 */
export async function waitDesired({ ctx, input, signal }: { ctx: Ctx; input: z.output<typeof desiredQuery>; signal?: AbortSignal }): Promise<DesiredResponse | null> {
  authorise(ctx, "agent.desired");
  const agentId = ctx.actor.id;
  const deadline = Date.now() + input.wait * 1_000;
  const bell = new Bell();
  // Listening begins before the first look: what commits between the two rings the bell.
  const stop = input.wait > 0 ? await subscribeDesired(agentId, () => bell.ring()) : null;
  const abort = (): void => bell.ring();
  signal?.addEventListener("abort", abort);
  let told: () => void = () => undefined;
  try {
    for (;;) {
      const projection = await readProjection(ctx, agentId, input.after);
      if (!projection) throw notFound("agent");
      if (input.checkpoint > projection.checkpointSize) void noteCheckpoint(ctx, agentId, input.checkpoint);
      const isNewer = projection.version > input.after;
      const answer = isNewer ? await buildDesired(ctx, projection, { agentId, nonce: input.nonce, seen: input.checkpoint }) : null;
      if (answer) return answer;
      const left = deadline - Date.now();
      if (left <= 0 || signal?.aborted) return null;
      told();
      // Who only asks again in time keeps nobody waiting.
      if (await bell.wait(isNewer ? Math.min(left, RETRY_MS) : left)) {
        told = beginTelling();
        // The document needs a checkpoint: it is signed while the rows are read, and who needs it sees when that fails.
        signCheckpoint(ctx).catch(() => undefined);
      }
    }
  } finally {
    told();
    signal?.removeEventListener("abort", abort);
    stop?.();
  }
}

/** Rings are remembered until somebody waits: none is lost between a look and the next wait. */
class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Whether it rang before the time was over. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const rang = this.#rung;
    this.#wake = null;
    this.#rung = false;
    return rang;
  }
}
