import type { ReactNode } from "react";
import type { Moment } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import type { ShapeKind } from "@/components/ui/status-shape";
import { Timestamp } from "@/components/ui/timestamp";

export interface EventRow {
  key: string;
  at: Moment;
  shape?: ShapeKind;
  text: ReactNode;
  detail?: ReactNode;
}

/** What happened, newest first as given. The heading above it prints the zone. */
export function EventList({ label, events }: { label: string; events: readonly EventRow[] }) {
  return (
    <ol className="events" aria-label={label}>
      {events.map((event) => (
        <li key={event.key}>
          <Timestamp className="mono" at={event.at} show="time" zone={false} />
          {event.shape ? <StatusShape kind={event.shape} size={12} /> : <span />}
          <span className="wrap-anywhere">
            {event.text} {event.detail ? <span className="muted">{event.detail}</span> : null}
          </span>
        </li>
      ))}
    </ol>
  );
}
