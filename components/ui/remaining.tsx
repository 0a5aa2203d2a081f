"use client";

import { useNow } from "./clock";
import { formatDateTime, formatDuration, isoOf, toMs } from "./format";
import type { Moment } from "./format";

/** How long it is until a moment, ticking down to `0 s`. Its title is the moment itself, in UTC. */
export function Remaining({ until, className }: { until: Moment; className?: string }) {
  const now = useNow();
  return (
    <time className={className} dateTime={isoOf(until)} title={`${formatDateTime(until, true)} UTC`}>
      {formatDuration(toMs(until) - now)}
    </time>
  );
}
