import type { ReactNode } from "react";
import { formatCount } from "@/components/ui/format";
import { Remaining } from "@/components/ui/remaining";
import { StatusShape } from "@/components/ui/status-shape";
import type { ShapeKind } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import type { WaveStatus } from "@/lib/domain/rollout/statuses";
import { WAVE_SHAPE } from "./wave-rail";

export interface GateLine {
  key: string;
  shape: ShapeKind;
  tone: Tone;
  text: ReactNode;
}

export interface WaveGatesRow {
  ordinal: number;
  name: string;
  status: WaveStatus;
  /** "open since 02:15:04 UTC". */
  state: string;
  /** Why it waits or failed. */
  reason: string | null;
  verified: number;
  total: number;
  soakUntil: string | null;
  /** What stands before it and when it has passed, in one sentence. */
  gate: string;
  /** How that stands: who said go, what the check answered. */
  lines: readonly GateLine[];
}

/** Every wave with what stands before it and when it has passed, in words. */
export function WaveGates({ rows }: { rows: readonly WaveGatesRow[] }) {
  return (
    <Table label="Waves and their gates" stack>
      <thead>
        <tr>
          <th scope="col">Wave</th>
          <th scope="col">State</th>
          <th scope="col" className="num">
            Verified
          </th>
          <th scope="col">Gate</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const { shape, tone } = WAVE_SHAPE[row.status];
          return (
            <tr key={row.ordinal}>
              <HangingCell tone={row.status === "failed" ? "critical" : row.status === "pending" || row.status === "passed" ? undefined : "rolling"} shape={row.status === "failed"}>
                <b>{row.ordinal}</b> · {row.name}
              </HangingCell>
              <td className="wraps" data-phone="wide">
                <StatusShape kind={shape} tone={tone} size={12} /> {row.state}
                {row.status === "soaking" && row.soakUntil ? (
                  <>
                    , <Remaining until={row.soakUntil} /> left
                  </>
                ) : null}
                {row.reason ? <span className="muted block">{row.reason}</span> : null}
              </td>
              <td className="num" data-phone="end">
                {formatCount(row.verified)} of {formatCount(row.total)}
              </td>
              <td className="wraps" data-phone={row.gate !== "" || row.lines.length > 0 ? "wide" : "hide"}>
                {row.gate}
                <ul>
                  {row.lines.map((line) => (
                    <li key={line.key} className="gate-line">
                      <StatusShape kind={line.shape} tone={line.tone} size={12} />
                      <span>{line.text}</span>
                    </li>
                  ))}
                </ul>
              </td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}
