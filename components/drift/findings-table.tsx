import Link from "next/link";
import { Age } from "@/components/ui/age";
import type { Moment } from "@/components/ui/format";
import { formatCount } from "@/components/ui/format";
import { ReleaseLine } from "@/components/ui/release-line";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";

export interface FindingRow {
  id: string;
  /** Instance or target key, in mono. */
  name: string;
  href?: string;
  running: { version: string | null; digest: string | null } | null;
  /** Agent, cluster or host. */
  agent: string | null;
  region: string | null;
  /** Further words: who started it, which file changed. */
  detail?: string | null;
  /** Instances in this finding, when more than one. */
  count?: number;
  since: Moment;
  /** What would be acted on, where the row stands for one target. */
  targetId?: string | null;
  /** Why this one cannot be chosen. */
  whyNot?: string | null;
  /** Last report; null: there never was one. Left out where the rows do not tell: the column is then not drawn. */
  reportAt?: Moment | null;
}

/** Which targets are chosen, by id. */
export interface FindingSelection {
  selected: ReadonlySet<string>;
  onToggle: (targetId: string, chosen: boolean) => void;
}

function Select({ row, selection }: { row: FindingRow; selection: FindingSelection }) {
  const { targetId } = row;
  if (!targetId) return null;
  return (
    <label className="check check-cell" title={row.whyNot ?? undefined}>
      <input
        type="checkbox"
        aria-label={`Select ${row.name}${row.whyNot ? `: ${row.whyNot}` : ""}`}
        disabled={Boolean(row.whyNot)}
        checked={selection.selected.has(targetId)}
        onChange={(event) => selection.onToggle(targetId, event.target.checked)}
      />
    </label>
  );
}

/** Findings of one cause, one per row. */
export function FindingsTable({ label, rows, selection }: { label: string; rows: readonly FindingRow[]; selection?: FindingSelection }) {
  const withReport = rows.some((row) => row.reportAt !== undefined);
  return (
    <Table label={label} dense stack>
      <thead>
        <tr>
          <th scope="col">Instance</th>
          <th scope="col">Running</th>
          <th scope="col">Where</th>
          <th scope="col">Detail</th>
          <th scope="col" className="num">
            Since, UTC
          </th>
          {withReport ? (
            <th scope="col" className="num">
              Report
            </th>
          ) : null}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <th scope="row" className="mono" data-phone="wide">
              <span className="row-flex">
                {selection ? <Select row={row} selection={selection} /> : null}
                <span>
                  {row.href ? (
                    <Link className="row-link" href={row.href}>
                      {row.name}
                    </Link>
                  ) : (
                    row.name
                  )}
                  {row.count && row.count > 1 ? <span className="muted"> and {formatCount(row.count - 1)} more</span> : null}
                </span>
              </span>
            </th>
            <td>{row.running ? <ReleaseLine {...row.running} otherwise="not registered" /> : <span className="muted">nothing</span>}</td>
            <td data-phone="end">
              {[row.agent, row.region].filter(Boolean).join(", ") || <span className="muted">unknown</span>}
            </td>
            <td className="wraps muted" data-phone={row.detail ? "wide" : "hide"}>
              {row.detail}
            </td>
            <td className="num" data-phone="hide">
              <Timestamp at={row.since} zone={false} />
            </td>
            {withReport ? (
              <td className="num muted" data-phone="hide">
                {row.reportAt ? <Age at={row.reportAt} /> : row.reportAt === null ? "never" : null}
              </td>
            ) : null}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
