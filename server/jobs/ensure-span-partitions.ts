import type { App } from "@/server/context";

/** Makes this month's and the next two months' partitions of the history, so that none is missing when a month begins. */
export async function ensureSpanPartitions({ db }: App): Promise<void> {
  await db.$executeRaw`SELECT ensure_span_partition(now() + make_interval(months => m)) FROM generate_series(0, 2) m`;
}
