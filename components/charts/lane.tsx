import { DigestStripe } from "@/components/ui/digest-stripe";
import { formatDateTime, formatShare } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import { Table } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import { chooseTicks, labelTick, placeFlags, placeMoment } from "./place-lane";

export interface LaneSegment {
  from: Moment;
  to: Moment;
  /** Version, or null when nothing is known (a gap is better left out: gaps are drawn as gaps). */
  label: string | null;
  digest?: string | null;
  tone: Tone;
  /** 0 to 1, full height unless said: how much of the whole it reached. */
  share?: number;
  /** For the table: "rolled back after 15 h", "unhealthy". */
  note?: string;
}

export interface LaneFlag {
  at: Moment;
  label: string;
}

export interface LaneProps {
  /** What it shows, for the table's name and for those who cannot see it. */
  label: string;
  from: Moment;
  to: Moment;
  segments: readonly LaneSegment[];
  flags?: readonly LaneFlag[];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}

/** A stretch of time as a lane: a segment per release, a flag where one begins, and the same as a table beneath. */
export function Lane({ label, from, to, segments, flags = [] }: LaneProps) {
  return (
    <figure aria-label={label}>
      <div className="lane" aria-hidden="true">
        <div className="lane-track">
          {segments.map((segment, index) => {
            const start = placeMoment(segment.from, from, to);
            const end = placeMoment(segment.to, from, to);
            return (
              <div
                key={index}
                className="lane-segment"
                data-tone={segment.tone}
                style={{ "--from": percent(start), "--span": `max(2px, ${percent(end - start)})`, "--share": percent(segment.share ?? 1) }}
              >
                {segment.label ? (
                  <span className="lane-words">
                    <DigestStripe digest={segment.digest ?? null} bare />
                    {segment.label}
                  </span>
                ) : null}
              </div>
            );
          })}
          {placeFlags(flags, from, to).map((flag, index) => (
            <div key={index} className="lane-flag" data-side={flag.side ?? undefined} style={{ "--at": percent(flag.at) }}>
              <svg width="8" height="7" viewBox="0 0 8 7">
                <path d="M0 0h8L5.5 3.5 8 7H0z" fill="currentColor" />
              </svg>
              {flag.side ? <span>{flag.label}</span> : null}
            </div>
          ))}
        </div>
        <div className="lane-axis">
          {chooseTicks(from, to).map((tick) => (
            <span key={tick} style={{ "--at": percent(placeMoment(tick, from, to)) }}>
              {labelTick(tick, from, to)}
            </span>
          ))}
        </div>
      </div>
      <details className="as-table">
        <summary>As a table</summary>
        <Table label={label} dense>
          <thead>
            <tr>
              <th scope="col">From, UTC</th>
              <th scope="col">To, UTC</th>
              <th scope="col">Release</th>
              <th scope="col">Digest</th>
              <th scope="col">Share</th>
              <th scope="col">Note</th>
            </tr>
          </thead>
          <tbody>
            {segments.map((segment, index) => (
              <tr key={index}>
                <td>{formatDateTime(segment.from)}</td>
                <td>{formatDateTime(segment.to)}</td>
                <td>{segment.label ?? "unknown"}</td>
                <td>
                  <DigestStripe digest={segment.digest ?? null} />
                </td>
                <td>{formatShare(segment.share ?? 1)}</td>
                <td className="wraps">{segment.note ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      </details>
    </figure>
  );
}
