import type { ShownDestination } from "@/lib/contract/notifications";
import type { NoticeEvent } from "@/lib/domain/notifications/events";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";

export type ChannelRow = { id: string; name: string; kind: ShownDestination["kind"]; service: string; environment: string; events: NoticeEvent[]; enabled: boolean; config: unknown; secret: Uint8Array | null };

/**
 * The row of a channel that stands, locked, for somebody who may change all that it covers. Who may not is refused alike
 * whether it is there or not. @throws AppError forbidden, not-found
 */
export async function lockChannel(tx: Tx, ctx: Ctx, id: string): Promise<ChannelRow> {
  // Not against rows that only name it: a decision that holds the ledger writes such a row.
  const [row] = await tx.$queryRaw<ChannelRow[]>`
    SELECT id::text, name::text, kind, service_pattern AS service, environment_pattern AS environment, events, enabled, config, secret
    FROM channels WHERE id = ${id}::uuid AND removed_at IS NULL FOR NO KEY UPDATE`;
  authorise(ctx, "channels.write", row ? { service: row.service, environment: row.environment } : {});
  if (!row) throw notFound("channel");
  return row;
}

/** @throws AppError conflict when another channel has the name; taken one at a time */
export async function claimName(tx: Tx, name: string, own: string | null = null): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('plumbline.channel-names', 0))`;
  const [taken] = await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM channels WHERE name = ${name} AND removed_at IS NULL AND id IS DISTINCT FROM ${own}::uuid`;
  if (taken) throw new AppError("conflict", `There is a channel ${name} already.`, { type: "already-exists", fields: [{ path: "name", message: "is taken" }] });
}

/** The entry and the pointer of a change to a channel: what it tells whom, the host, never a secret. */
export async function recordChannel(tx: Tx, ctx: Ctx, change: "created" | "changed" | "removed", channel: Pick<ChannelRow, "id" | "name" | "kind" | "service" | "environment" | "events" | "enabled"> & { host: string }): Promise<{ seq: bigint; at: Date }> {
  await recordChanges(tx, [{ topic: "settings", key: channel.id }]);
  const { id, name, kind, service, environment, events, enabled, host } = channel;
  return appendEntry(tx, ctx, { type: "channel-changed", scope: { service: null, environment: null }, payload: { channel: id, change, name, kind, service, environment, events, enabled, host } });
}

/** What the ledger names of a destination. */
export function hostOf(config: ShownDestination): string {
  return config.kind === "pagerduty" ? new URL(config.url).host : config.host;
}
