import type { App } from "@/server/context";

/** Forgets what has had its time: change pointers, answers kept for replays, limits, ended sessions, deliveries. */
export async function prune({ db }: App): Promise<void> {
  await db.$executeRaw`DELETE FROM changes WHERE at < now() - interval '24 hours'`;
  await db.$executeRaw`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'`;
  await db.$executeRaw`DELETE FROM request_limits WHERE window_start < now() - interval '1 day'`;
  await db.$executeRaw`DELETE FROM session WHERE "expiresAt" < now() - interval '1 day'`;
  await db.$executeRaw`DELETE FROM verification WHERE "expiresAt" < now() - interval '1 day'`;
  // One that was sent again stays as long as the newest of its repetitions.
  await db.$executeRaw`
    DELETE FROM deliveries d WHERE d.status <> 'pending' AND d.created_at < now() - interval '30 days'
      AND NOT EXISTS (SELECT FROM deliveries r WHERE r.resend_of = d.id AND (r.status = 'pending' OR r.created_at >= now() - interval '30 days'))`;
  await db.$executeRaw`DELETE FROM finding_notices WHERE state = 'resolved' AND told_at < now() - interval '1 day'`;
  await db.$executeRaw`DELETE FROM report_parts WHERE received_at < now() - interval '1 hour'`;
}
