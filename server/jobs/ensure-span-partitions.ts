import type { App } from "@/server/context";

/** Makes the partitions of history for this month and the next two, ahead of time. */
export async function ensureSpanPartitions({ db }: App, now = new Date()): Promise<void> {
  await db.$executeRaw`SELECT ensure_span_partition(${now}::timestamptz + make_interval(months => m)) FROM generate_series(0, 2) m`;
}
