import type { AnnouncementDto, ANNOUNCEMENT_OUTCOMES } from "@/lib/contract/deployments";
import type { AnnouncedStatus, RolloutStatus } from "@/lib/domain/rollout/statuses";
import type { Db, Tx } from "@/server/db";
import { notFound } from "@/server/errors";

export type AnnouncementOutcome = (typeof ANNOUNCEMENT_OUTCOMES)[number];
type Row = {
  id: string; service: string; environment: string; partition: string; version: string; external_id: string; status: AnnouncedStatus; outcome: AnnouncementOutcome; reason: string | null;
  tool: string | null; by: string | null; url: string | null; rollout_id: string | null; rollout_number: bigint | null; rollout_status: RolloutStatus | null; announced_at: Date; received_at: Date;
};

/** Announcements as they travel, in the order of the ids; those that do not exist are left out. */
export async function loadAnnouncements(db: Db | Tx, ids: readonly string[]): Promise<AnnouncementDto[]> {
  if (ids.length === 0) return [];
  const rows = await db.$queryRaw<Row[]>`
    SELECT n.id::text, s.name::text AS service, e.name::text AS environment, n.partition::text, v.version, n.external_id, n.status, n.outcome, n.reason, n.tool, n.by, n.url,
      r.id::text AS rollout_id, r.number AS rollout_number, r.status AS rollout_status, n.announced_at, n.received_at
    FROM unnest(${ids}::uuid[]) WITH ORDINALITY w(id, place) JOIN announcements n ON n.id = w.id JOIN services s ON s.id = n.service_id JOIN environments e ON e.id = n.environment_id
    JOIN releases v ON v.id = n.release_id LEFT JOIN rollouts r ON r.id = n.rollout_id ORDER BY w.place`;
  return rows.map((row): AnnouncementDto => ({
    id: row.id,
    service: row.service,
    environment: row.environment,
    partition: row.partition,
    version: row.version,
    externalId: row.external_id,
    status: row.status,
    outcome: row.outcome,
    sentence: describe(row),
    tool: row.tool,
    by: row.by,
    url: row.url,
    rollout: row.rollout_id !== null && row.rollout_number !== null && row.rollout_status !== null ? { id: row.rollout_id, number: Number(row.rollout_number), status: row.rollout_status } : null,
    at: row.announced_at.toISOString(),
    receivedAt: row.received_at.toISOString(),
  }));
}

/** @throws AppError not-found */
export async function loadAnnouncement(db: Db | Tx, id: string): Promise<AnnouncementDto> {
  const [announcement] = await loadAnnouncements(db, [id]);
  if (!announcement) throw notFound("announcement");
  return announcement;
}

function describe({ outcome, version, environment, rollout_number, reason }: Row): string {
  switch (outcome) {
    case "followed":
      return `${version} is followed in ${environment} as R-${rollout_number}; what runs decides.`;
    case "there-already":
      return `${version} is assigned in ${environment} already: no rollout was opened${rollout_number === null ? "" : ` beside R-${rollout_number}`}.`;
    case "refused":
      return `${version} may not be deployed to ${environment}: ${reason ?? ""}`.trim();
    case "noted":
      return `Noted: nothing of ${version} is followed in ${environment}.`;
    default:
      return outcome satisfies never;
  }
}
