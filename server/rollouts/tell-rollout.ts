import type { RolloutNotice } from "@/lib/domain/rollout/notices";
import type { RolloutStatus } from "@/lib/domain/rollout/statuses";
import type { Tx } from "@/server/db";
import { notifyRollout } from "@/server/notifications/notify-rollout";

export type RolloutEvent = {
  rolloutId: string;
  at: Date;
  kind: "started" | "wave" | "go-ahead" | "resumed" | "cleared" | "newcomers" | "stalled" | "moving" | "announced" | Exclude<RolloutStatus, "planned" | "running">;
  detail?: { wave?: number; reason?: string | null; [more: string]: string | number | boolean | null | undefined };
};

/** Puts what happened to a rollout on its timeline, and tells the channels that want to know, in the caller's transaction. */
export async function tellRollout(tx: Tx, { rolloutId, at, kind, detail = {} }: RolloutEvent): Promise<void> {
  await tx.$executeRaw`INSERT INTO rollout_events (rollout_id, at, kind, detail) VALUES (${rolloutId}::uuid, ${at}, ${kind}, ${JSON.stringify(detail)}::jsonb)`;
  const event = noticeOf(kind, detail.reason ?? null);
  if (event === null) return;
  const message = typeof detail["message"] === "string" ? detail["message"] : null;
  await notifyRollout(tx, { rolloutId, event, wave: detail.wave ?? null, reason: kind === "wave" ? message : (detail.reason ?? null), at });
  if (event === "succeeded") await tellUndone(tx, rolloutId, at);
}

/** The rollout that failed is rolled back once the one that undoes it has succeeded. */
async function tellUndone(tx: Tx, rolloutId: string, at: Date): Promise<void> {
  const [undone] = await tx.$queryRaw<{ id: string }[]>`SELECT reverts_id AS id FROM rollouts WHERE id = ${rolloutId}::uuid AND reverts_id IS NOT NULL`;
  if (undone) await notifyRollout(tx, { rolloutId: undone.id, event: "rolled-back", at });
}

function noticeOf(kind: RolloutEvent["kind"], reason: string | null): RolloutNotice | null {
  switch (kind) {
    case "started":
    case "paused":
    case "resumed":
    case "failed":
    case "aborted":
    case "superseded":
      return kind;
    case "succeeded":
    case "succeeded-will-revert":
      return "succeeded";
    // Its deployer paused it, whatever the reason: to whoever is told it is the same.
    case "stalled":
      return "paused";
    case "moving":
      return "resumed";
    case "wave":
      return reason === "passed" ? "wave-passed" : reason === "waiting" ? "waiting" : null;
    case "go-ahead":
    case "cleared":
    case "newcomers":
    case "announced":
      return null;
    default:
      return kind satisfies never;
  }
}
