import { shownDestination, type ChannelDto } from "@/lib/contract/notifications";
import type { NoticeEvent } from "@/lib/domain/notifications/events";
import type { Db, Tx } from "@/server/db";

type Row = {
  id: string;
  name: string;
  service: string;
  environment: string;
  events: NoticeEvent[];
  enabled: boolean;
  config: unknown;
  sealed: boolean;
  created_at: Date;
  created_by: string;
  last_status: "pending" | "sent" | "failed" | null;
  last_at: Date | null;
  last_error: string | null;
};

/** The channels that stand, by name, or one of them; secrets stay where they are. */
export async function loadChannels(db: Db | Tx, id: string | null = null): Promise<ChannelDto[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT c.id::text, c.name::text, c.service_pattern AS service, c.environment_pattern AS environment, c.events, c.enabled, c.config,
      c.secret IS NOT NULL AND NOT (c.kind = 'email' AND c.config->>'user' IS NULL) AS sealed, c.created_at, a.display_name AS created_by,
      l.status AS last_status, coalesce(l.sent_at, l.created_at) AS last_at, l.last_error
    FROM channels c JOIN actors a ON a.id = c.actor_id
    LEFT JOIN LATERAL (SELECT d.status, d.sent_at, d.created_at, d.last_error FROM deliveries d WHERE d.channel_id = c.id AND d.attempts > 0 ORDER BY d.seq DESC LIMIT 1) l ON true
    WHERE c.removed_at IS NULL AND (${id}::uuid IS NULL OR c.id = ${id}::uuid) ORDER BY c.name`;
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    service: row.service,
    environment: row.environment,
    events: row.events,
    enabled: row.enabled,
    destination: shownDestination.parse(row.config),
    secret: row.sealed ? "set" : "not set",
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    last: row.last_status === null || row.last_at === null ? null : { status: row.last_status, at: row.last_at.toISOString(), error: row.last_error },
  }));
}
