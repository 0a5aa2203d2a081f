import type { ReactNode } from "react";
import { Age } from "./age";
import { Button } from "./button";
import type { Moment } from "./format";
import { SkeletonRows } from "./skeleton";
import { StatusShape } from "./status-shape";
import { RowMark } from "./table";

export type StateViewProps =
  | { kind: "loading"; label?: string; rows?: number; columns?: number }
  /** Nothing to list, and why: no agents, no matches, no permission, or all clear. */
  | { kind: "empty"; title: string; body?: ReactNode; clear?: boolean; actions?: ReactNode }
  /** Shown above the rows: what they do not cover. */
  | { kind: "partial"; title: string; body?: ReactNode; actions?: ReactNode }
  /** The last good data, if any, stays below as `children` of the page. */
  | { kind: "error"; title: string; cause: string; requestId?: string | null; onRetry?: () => void; cachedAt?: Moment | null }
  | { kind: "stale"; since: Moment; body?: ReactNode; onRetry?: () => void };

/** What a page says when it cannot simply show its rows. Silent is never green. */
export function StateView(props: StateViewProps) {
  switch (props.kind) {
    case "loading":
      return <SkeletonRows rows={props.rows} columns={props.columns} label={props.label} />;
    case "empty":
      return (
        <div className="state">
          <p className="state-title">
            <StatusShape kind={props.clear ? "match" : "neutral"} />
            {props.title}
          </p>
          {props.body ? <div className="state-body">{props.body}</div> : null}
          {props.actions ? <div className="state-actions">{props.actions}</div> : null}
        </div>
      );
    case "partial":
      return (
        <div className="notice" role="note">
          <RowMark tone="unknown" shape={false} />
          <StatusShape kind="unknown" />
          <b>{props.title}</b>
          {props.body ? <span className="muted">{props.body}</span> : null}
          {props.actions ? <span className="notice-end">{props.actions}</span> : null}
        </div>
      );
    case "error":
      return (
        <div className="state" role="alert">
          <RowMark tone="alert" />
          <p className="state-title">{props.title}</p>
          <div className="state-body">
            <p>{props.cause}</p>
            {props.requestId ? (
              <p>
                Request <code>{props.requestId}</code>
              </p>
            ) : null}
            {props.cachedAt ? (
              <p>
                Below: what was known <Age at={props.cachedAt} suffix="ago" />.
              </p>
            ) : null}
          </div>
          {props.onRetry ? (
            <div className="state-actions">
              <Button onClick={props.onRetry}>Try again</Button>
            </div>
          ) : null}
        </div>
      );
    case "stale":
      return (
        <output className="notice">
          <RowMark tone="unknown" shape={false} />
          <StatusShape kind="unknown" />
          <b>
            Data is <Age at={props.since} /> old.
          </b>
          <span className="muted">{props.body ?? "It may no longer be true; each row shows its own age."}</span>
          {props.onRetry ? (
            <span className="notice-end">
              <Button size="small" onClick={props.onRetry}>
                Try again
              </Button>
            </span>
          ) : null}
        </output>
      );
  }
}
