import Link from "next/link";
import { Age } from "@/components/ui/age";
import type { Moment } from "@/components/ui/format";
import { ReleaseLine } from "@/components/ui/release-line";
import { StatusShape } from "@/components/ui/status-shape";
import type { ShapeKind } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { DigestStripe } from "@/components/ui/digest-stripe";
import type { Tone } from "@/components/ui/tone";

export interface InstanceRow {
  id: string;
  /** What is acted on: the workload that this copy belongs to. */
  targetId: string;
  href: string;
  key: string;
  running: { version: string | null; digest: string | null };
  assigned: { version: string; digest: string | null } | null;
  tone: Tone;
  /** The shape, when not the tone's own: stuck, paused. */
  shape?: ShapeKind;
  /** "stuck, image pull timed out". */
  state: string;
  health: string;
  /** Unhealthy is strong; healthy is quiet. */
  healthy: boolean;
  region: string | null;
  agent: string;
  startedAt: Moment | null;
  reportAt: Moment;
}

export interface InstanceSelection {
  /** Ids of targets: copies of one workload are chosen together. */
  selected: ReadonlySet<string>;
  onToggle: (targetId: string, chosen: boolean) => void;
  onToggleAll: (chosen: boolean) => void;
}

function All({ rows, selection }: { rows: readonly InstanceRow[]; selection: InstanceSelection }) {
  const chosen = rows.filter((row) => selection.selected.has(row.targetId)).length;
  return (
    <label className="check check-cell">
      <input
        type="checkbox"
        aria-label="Select all that are shown"
        checked={chosen > 0 && chosen === rows.length}
        ref={(input) => {
          if (input) input.indeterminate = chosen > 0 && chosen < rows.length;
        }}
        onChange={(event) => selection.onToggleAll(event.target.checked)}
      />
    </label>
  );
}

/** Instances, worst first as given. The first row of each state carries its shape in the margin. */
export function InstancesTable({ label, rows, selection }: { label: string; rows: readonly InstanceRow[]; selection?: InstanceSelection }) {
  return (
    <Table label={label} dense stack>
      <thead>
        <tr>
          <th scope="col">
            {selection ? (
              <span className="row-flex">
                <All rows={rows} selection={selection} /> Instance
              </span>
            ) : (
              "Instance"
            )}
          </th>
          <th scope="col">Running</th>
          <th scope="col">Assigned</th>
          <th scope="col">State</th>
          <th scope="col">Health</th>
          <th scope="col">Where</th>
          <th scope="col" className="num">
            Started, UTC
          </th>
          <th scope="col" className="num">
            Report
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={row.id}>
            <HangingCell tone={row.tone} shape={rows[index - 1]?.tone !== row.tone} className="mono" data-phone="wide">
              <span className="row-flex">
                {selection ? (
                  <label className="check check-cell">
                    <input type="checkbox" aria-label={`Select ${row.key}`} checked={selection.selected.has(row.targetId)} onChange={(event) => selection.onToggle(row.targetId, event.target.checked)} />
                  </label>
                ) : null}
                <Link className="row-link" href={row.href}>
                  {row.key}
                </Link>
              </span>
            </HangingCell>
            <td>
              <ReleaseLine {...row.running} otherwise="not registered" />
            </td>
            <td className="muted" data-phone="hide">
              {row.assigned ? (
                <span className="row-flex">
                  {row.assigned.version} <DigestStripe digest={row.assigned.digest} bare />
                </span>
              ) : (
                "nothing"
              )}
            </td>
            <td data-phone="wide">
              <StatusShape kind={row.shape ?? row.tone} size={12} /> {row.state}
            </td>
            <td data-phone="end">{row.healthy ? <span className="muted">{row.health}</span> : <b>{row.health}</b>}</td>
            <td>{[row.region, row.agent].filter(Boolean).join(", ")}</td>
            <td className="num" data-phone="hide">
              {row.startedAt === null ? <span className="muted">unknown</span> : <Timestamp at={row.startedAt} zone={false} />}
            </td>
            <td className="num muted" data-phone="end">
              <Age at={row.reportAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
