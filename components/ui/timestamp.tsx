import { formatDateTime, formatTime, isoOf } from "./format";
import type { Moment } from "./format";

export interface TimestampProps {
  at: Moment;
  /** `time` 02:16:24, `day` 20 Nov 02:16:24. */
  show?: "time" | "day";
  /** The zone is printed unless a heading above prints it for the whole column. */
  zone?: boolean;
  className?: string;
}

/** A moment in UTC. */
export function Timestamp({ at, show = "day", zone = true, className }: TimestampProps) {
  const words = show === "time" ? formatTime(at) : formatDateTime(at);
  return (
    <time className={className} dateTime={isoOf(at)} title={`${formatDateTime(at, true)} UTC`}>
      {zone ? `${words} UTC` : words}
    </time>
  );
}
