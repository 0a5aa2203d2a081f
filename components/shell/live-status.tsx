"use client";

import { useEffect, useState } from "react";
import type { LiveState } from "@/lib/queries/live-connection";
import { LivePill } from "./live-pill";

/** Ms since a moment of this machine's clock, once a second; ticks here, so that the frame need not be drawn again. */
function useLag(at: number | null): number {
  const [lagMs, setLagMs] = useState(0);
  useEffect(() => {
    if (at === null) return;
    const measure = () => setLagMs(Math.max(0, Date.now() - at));
    measure();
    const timer = setInterval(measure, 1000);
    return () => clearInterval(timer);
  }, [at]);
  return lagMs;
}

/** The pill of a live connection. */
export function LiveStatus({ state }: { state: LiveState }) {
  const lagMs = useLag(state.at);
  if (state.status === "connecting") return <LivePill state={{ kind: "catching-up" }} />;
  if (state.at === null) return <LivePill state={state.status === "offline" ? { kind: "offline", since: Number.NaN } : { kind: "catching-up" }} />;
  if (state.status === "offline") return <LivePill state={{ kind: "offline", since: state.at }} />;
  if (state.status === "catching-up") return <LivePill state={{ kind: "catching-up" }} />;
  return <LivePill state={{ kind: "live", lagMs }} />;
}
