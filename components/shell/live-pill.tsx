"use client";

import { useNow } from "@/components/ui/clock";
import { formatTime, toMs } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";

/** How the page hears of changes. `lagMs` is how old the last thing heard is when it arrived. */
export type LiveState =
  | { kind: "live"; lagMs: number }
  | { kind: "catching-up" }
  | { kind: "offline"; since: Moment }
  | { kind: "off" };

/** Seconds with one decimal, below ten. */
function formatLag(lagMs: number): string {
  const seconds = Math.max(0, lagMs) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** Whether the page is live, how late, and since when not. Only a change of state is announced, never the ticking. */
export function LivePill({ state }: { state: LiveState }) {
  if (state.kind === "off") return null;
  return (
    <span className="live-pill">
      <output className="visually-hidden">{state.kind === "live" ? "Live" : state.kind === "offline" ? "Offline" : "Catching up"}</output>
      {state.kind === "live" ? (
        <>
          <StatusShape kind="match" size={12} />
          <b aria-hidden="true">Live</b> <span className="muted">{formatLag(state.lagMs)}</span>
        </>
      ) : state.kind === "catching-up" ? (
        <>
          <StatusShape kind="rolling" size={12} />
          <b aria-hidden="true">Catching up</b>
        </>
      ) : (
        <>
          <StatusShape kind="unknown" size={12} />
          <b aria-hidden="true">Offline</b> {Number.isNaN(toMs(state.since)) ? null : <span className="muted">data from {formatTime(toMs(state.since))}</span>}
        </>
      )}
    </span>
  );
}

/** The day and the time in UTC, ticking. */
export function UtcClock() {
  const now = useNow();
  return (
    <time className="mast-clock" dateTime={new Date(now).toISOString()}>
      <b>{formatTime(now)}</b> UTC
    </time>
  );
}
