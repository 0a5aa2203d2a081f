import { executorConfig, waveOrder, type WaveMessage } from "@/lib/contract/executors";
import type { RolloutStatus } from "@/lib/domain/rollout/statuses";
import type { Attempt } from "@/lib/domain/notifications/decide-attempt";
import type { App } from "@/server/context";
import { attemptRequest } from "@/server/outbound/attempt-request";
import type { Sender } from "@/server/outbound/sender";
import { orderRequest } from "./executor-request";
import { readProof } from "./read-proof";

/** The ledger is signed several times a second. */
const UNSIGNED_WAIT_MS = 500;
const PAUSED_WAIT_MS = 5_000;

/**
 * Tells an executor that a wave is open. It waits for a checkpoint that covers the decision, and while the rollout is paused;
 * an order of a rollout that has ended is not sent any more, so that none overtakes a newer one.
 */
export const sendOrder: Sender = async (app, { delivery, destination, now, leftMs }) => {
  const config = executorConfig.parse(destination.config);
  const order = waveOrder.parse(delivery.body);
  if (destination.secret === null) return never(`The executor ${destination.name} has no secret. Make it anew.`);
  const held = whyHeld(await readStatus(app, order.rollout.id), order.rollout.number);
  if (held) return held;
  const proof = await readProof(app, order.entry.index);
  if (!proof) return { ok: false, status: null, error: "The decision is not signed yet.", permanent: false, retryAfterMs: null, waitMs: UNSIGNED_WAIT_MS };

  const base = `${app.config.url}/api/v1/rollouts/${order.rollout.id}`;
  const message: WaveMessage = {
    type: "wave-opened",
    timestamp: order.openedAt,
    data: {
      ...order,
      url: `${app.config.url}/rollouts/${order.rollout.id}`,
      targets: { ...order.targets, more: order.targets.count > order.targets.items.length ? `${base}/targets?wave=${order.wave.number}` : null },
      proof,
    },
  };
  const request = orderRequest(config, message, { id: delivery.messageId, now, secret: destination.secret }, { proof: `${base}/proof` });
  return attemptRequest(app, request, { leftMs, now, secrets: [destination.secret] });
};

async function readStatus({ db }: Pick<App, "db">, rolloutId: string): Promise<RolloutStatus | null> {
  const [rollout] = await db.$queryRaw<{ status: RolloutStatus }[]>`SELECT status FROM rollouts WHERE id = ${rolloutId}::uuid`;
  return rollout?.status ?? null;
}

/** Why an order is not sent now, or not any more; null when it is. */
function whyHeld(status: RolloutStatus | null, number: number): Attempt | null {
  switch (status) {
    case "planned":
    case "running":
      return null;
    case "paused":
      return { ok: false, status: null, error: `Rollout ${number} is paused: it is told when it goes on.`, permanent: false, retryAfterMs: null, waitMs: PAUSED_WAIT_MS };
    case "superseded":
      return never(`Rollout ${number} was superseded: an old order must not overtake a newer one.`);
    case "aborted":
    case "failed":
    case "succeeded":
    case "succeeded-will-revert":
    case null:
      return never(`Rollout ${number} has ended: there is nothing to carry out any more.`);
    default:
      return status satisfies never;
  }
}

function never(error: string): Attempt {
  return { ok: false, status: null, error, permanent: true, retryAfterMs: null };
}
