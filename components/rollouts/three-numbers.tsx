import { formatCount, formatDuration, formatTime, toMs } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";

/** When it will be done: a range counted from a moment, or nothing while there is too little to go by. */
export type Estimate = { kind: "range"; from: Moment; to: Moment } | { kind: "unknown"; why: string } | { kind: "done"; at: Moment; tookMs: number; as: string };

export interface ThreeNumbersProps {
  verified: number;
  inFlight: number;
  /** Stuck and failed together; of which so many failed. */
  stuck: number;
  failed: number;
  waiting: number;
  /** Who vanished since the plan, or was not told any more, in words; they count nowhere else. */
  left: string;
  estimate: Estimate;
}

/** A range of moments: the shorter form when both fall in the same minute. */
export function formatRange(from: Moment, to: Moment): string {
  const first = formatTime(from).slice(0, 5);
  const last = formatTime(to).slice(0, 5);
  return first === last ? first : `${first}–${last}`;
}

function capitalise(words: string): string {
  return words.replace(/^./, (letter) => letter.toUpperCase());
}

function EstimateWords({ estimate }: { estimate: Estimate }) {
  if (estimate.kind === "unknown") {
    return (
      <dd data-words="">
        cannot estimate yet <span className="unit">{estimate.why}</span>
      </dd>
    );
  }
  const words = estimate.kind === "range" ? formatRange(estimate.from, estimate.to) : formatTime(toMs(estimate.at));
  return (
    <dd>
      {words} <span className="unit">UTC{estimate.kind === "done" ? `, took ${formatDuration(estimate.tookMs)}` : ""}</span>
    </dd>
  );
}

/** Verified by observation, in flight, stuck; waiting beside them, and when it will be done. */
export function ThreeNumbers({ verified, inFlight, stuck, failed, waiting, left, estimate }: ThreeNumbersProps) {
  return (
    <dl className="figures">
      <div>
        <dt>
          <StatusShape kind="match" />
          <span>
            verified<span className="aside">, by observation</span>
          </span>
        </dt>
        <dd>{formatCount(verified)}</dd>
      </div>
      <div>
        <dt>
          <StatusShape kind="rolling" />
          in flight
        </dt>
        <dd>{formatCount(inFlight)}</dd>
      </div>
      <div>
        <dt>
          <StatusShape kind="stuck" size={12} tone={stuck > 0 ? "stuck" : "neutral"} />
          <span>
            stuck{failed > 0 ? <span className="aside">, of which {formatCount(failed)} failed</span> : null}
          </span>
        </dt>
        <dd className={stuck > 0 ? "tone" : undefined} data-tone={stuck > 0 ? "stuck" : undefined}>
          {formatCount(stuck)}
        </dd>
      </div>
      <div>
        <dt>
          <StatusShape kind="neutral" />
          <span>
            waiting{left ? <span className="aside">, {left}</span> : null}
          </span>
        </dt>
        <dd className="muted">{formatCount(waiting)}</dd>
      </div>
      <div>
        <dt>{estimate.kind === "done" ? capitalise(estimate.as) : estimate.kind === "range" ? "Done, estimated from its own rate" : "Done"}</dt>
        <EstimateWords estimate={estimate} />
      </div>
    </dl>
  );
}
