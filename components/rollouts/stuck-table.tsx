import type { ReactNode } from "react";
import { Age } from "@/components/ui/age";
import { formatCount } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import { HangingCell, Table } from "@/components/ui/table";

export interface StuckRow {
  key: string;
  count: number;
  reason: string;
  /** What helps, in a sentence. */
  next?: string;
  where: string;
  oldestOfferedAt: Moment | null;
  action?: ReactNode;
}

/** Stuck targets, grouped by why. Most first, as given. */
export function StuckTable({ rows }: { rows: readonly StuckRow[] }) {
  return (
    <Table label="Stuck, by reason" stack>
      <thead>
        <tr>
          <th scope="col" className="num">
            <span className="visually-hidden">Targets</span>
          </th>
          <th scope="col">Reason</th>
          <th scope="col">Where</th>
          <th scope="col" className="num">
            Oldest, since offered
          </th>
          <th scope="col">
            <span className="visually-hidden">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={row.key}>
            <HangingCell tone="stuck" shape={index === 0} className="num">
              <b>{formatCount(row.count)}</b>
            </HangingCell>
            <td className="wraps" data-phone="wide">
              {row.reason}
              {row.next ? <span className="muted block">{row.next}</span> : null}
            </td>
            <td className="wraps muted">{row.where}</td>
            <td className="num" data-phone="end">
              {row.oldestOfferedAt ? <Age at={row.oldestOfferedAt} /> : <span className="muted">not offered</span>}
            </td>
            <td className="num" data-phone={row.action ? "wide" : "hide"}>
              {row.action}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
