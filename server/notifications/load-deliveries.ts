import { noticeBody, type DeliveryDto } from "@/lib/contract/notifications";
import { describeNotice, type Notice } from "@/lib/domain/notifications/notice";
import type { Db, Tx } from "@/server/db";
import { notFound } from "@/server/errors";

type Row = {
  id: string;
  event: string;
  body: unknown;
  status: DeliveryDto["status"];
  attempts: number;
  channel_id: string | null;
  executor_id: string | null;
  party_name: string;
  party_kind: string;
  rollout_id: string | null;
  rollout_number: bigint | null;
  service: string | null;
  environment: string | null;
  wave: number | null;
  last_status: number | null;
  last_error: string | null;
  next_attempt_at: Date;
  created_at: Date;
  sent_at: Date | null;
  resend_of: string | null;
};

/** Deliveries as they travel, newest first; ids that do not exist are left out. */
export async function loadDeliveries(db: Db | Tx, ids: readonly string[]): Promise<DeliveryDto[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT d.id::text, d.event, d.body, d.status, d.attempts, d.channel_id::text, d.executor_id::text, coalesce(c.name, x.name)::text AS party_name, coalesce(c.kind, x.kind) AS party_kind,
      d.rollout_id::text, r.number AS rollout_number, s.name::text AS service, e.name::text AS environment, d.wave, d.last_status, d.last_error,
      d.next_attempt_at, d.created_at, d.sent_at, d.resend_of::text
    FROM deliveries d LEFT JOIN channels c ON c.id = d.channel_id LEFT JOIN executors x ON x.id = d.executor_id
    LEFT JOIN rollouts r ON r.id = d.rollout_id LEFT JOIN services s ON s.id = r.service_id LEFT JOIN environments e ON e.id = r.environment_id
    WHERE d.id = ANY(${ids}::uuid[]) ORDER BY d.seq DESC`;
  return rows.map(toDto);
}

/** @throws AppError not-found */
export async function loadDelivery(db: Db | Tx, id: string): Promise<DeliveryDto> {
  const [delivery] = await loadDeliveries(db, [id]);
  if (!delivery) throw notFound("delivery");
  return delivery;
}

function toDto(row: Row): DeliveryDto {
  const party = { name: row.party_name, kind: row.party_kind };
  const parsed = row.channel_id === null ? null : noticeBody.safeParse(row.body);
  const notice = parsed?.success ? parsed.data : null;
  const finding = notice?.finding;
  return {
    id: row.id,
    event: row.event,
    sentence: describeDelivery(row, notice),
    status: row.status,
    attempts: row.attempts,
    channel: row.channel_id === null ? null : { id: row.channel_id, ...party },
    executor: row.executor_id === null ? null : { id: row.executor_id, ...party },
    rollout: row.rollout_id === null || row.rollout_number === null || row.service === null || row.environment === null ? null : { id: row.rollout_id, number: Number(row.rollout_number), service: row.service, environment: row.environment },
    wave: row.wave,
    finding: finding ? { kind: finding.kind, service: finding.service, environment: finding.environment } : null,
    lastStatus: row.last_status,
    lastError: row.last_error,
    nextAttemptAt: row.status === "pending" ? row.next_attempt_at.toISOString() : null,
    createdAt: row.created_at.toISOString(),
    sentAt: row.sent_at?.toISOString() ?? null,
    resendOf: row.resend_of,
  };
}

/** What a delivery says; one to an executor is an order, which only the executor reads. */
function describeDelivery({ event, rollout_number, wave, service, environment }: Row, notice: Notice | null): string {
  if (notice) return describeNotice(notice);
  const where = service === null ? "" : ` of rollout ${rollout_number} (${service} in ${environment})`;
  return wave === null ? `${event}${where}` : `${event}: wave ${wave}${where}`;
}
