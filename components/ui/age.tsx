"use client";

import { useNow } from "./clock";
import { formatDateTime, formatDuration, isoOf, toMs } from "./format";
import type { Moment } from "./format";

export interface AgeProps {
  at: Moment;
  /** Only the larger unit. */
  coarse?: boolean;
  /** "ago" in prose; nothing in a column headed "age". */
  suffix?: string;
  className?: string;
}

/** The age of a moment, ticking. Its title is the moment itself, in UTC. */
export function Age({ at, coarse, suffix, className }: AgeProps) {
  const now = useNow();
  const words = formatDuration(now - toMs(at), coarse);
  return (
    <time className={className} dateTime={isoOf(at)} title={`${formatDateTime(at, true)} UTC`}>
      {suffix ? `${words} ${suffix}` : words}
    </time>
  );
}
