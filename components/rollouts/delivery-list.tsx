import type { ReactNode } from "react";
import type { Moment } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import type { ShapeKind } from "@/components/ui/status-shape";
import { Timestamp } from "@/components/ui/timestamp";

export interface DeliveryRow {
  key: string;
  at: Moment;
  /** Whom: a channel's or an executor's name. */
  to: string;
  text: string;
  shape: ShapeKind;
  /** "arrived", "given up after 8 attempts". */
  state: string;
  error: string | null;
  action?: ReactNode;
}

/** What was sent to whom, and what became of it; newest first as given. */
export function DeliveryList({ rows }: { rows: readonly DeliveryRow[] }) {
  return (
    <ol className="events deliveries" aria-label="Deliveries">
      {rows.map((row) => (
        <li key={row.key}>
          <Timestamp className="mono" at={row.at} show="time" zone={false} />
          <StatusShape kind={row.shape} size={12} />
          <span className="wrap-anywhere">
            <b>{row.to}</b> <span className="muted">{row.state}</span>
            <span className="block">{row.text}</span>
            {row.error ? <span className="block muted">{row.error}</span> : null}
          </span>
          {row.action}
        </li>
      ))}
    </ol>
  );
}
