"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";
import { LiveStatus } from "@/components/shell/live-status";
import { syncClock } from "@/components/ui/clock";
import type { ChangeEvent } from "@/lib/contract/live";
import { connectLive } from "@/lib/queries/live-connection";
import type { LiveState } from "@/lib/queries/live-connection";

const BATCH_MS = 300;
/** How often the page is asked for again by itself: seldom, sooner without a live stream, soonest while something moves. */
const POLL_MS = { live: 30_000, deaf: 10_000, moving: 3_000 };
/** What a thumb is about to hit must not move. */
const STILL = ".night-others:hover, .night-others:focus-within";

/** Whether a change can show on this page: everything that is decided in the environment, and what is seen of the service. */
function concerns(change: ChangeEvent, service: string): boolean {
  switch (change.topic) {
    case "rollout":
    case "assignment":
    case "release":
    case "access":
      return true;
    case "fleet":
    case "findings":
      return change.service === null || change.service === service;
    default:
      return false;
  }
}

/** Keeps a page live that the server draws: whatever changed, it is drawn again. A dead stream only makes it slower. */
export function Live({ service, moving }: { service: string; moving: boolean }) {
  const router = useRouter();
  const [state, setState] = useState<LiveState>({ status: "connecting", at: null });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const deaf = state.status === "offline";
  useEffect(() => {
    const refresh = () => {
      timer.current = undefined;
      if (document.querySelector(STILL)) soon();
      else router.refresh();
    };
    const soon = () => {
      timer.current ??= setTimeout(refresh, BATCH_MS);
    };
    const stop = connectLive("/api/v1/events", {
      onState: setState,
      onServerTime: syncClock,
      onReset: soon,
      onChange: (changes) => {
        if (changes.some((change) => concerns(change, service))) soon();
      },
    });
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
      stop();
    };
  }, [router, service]);
  useEffect(() => {
    const every = moving ? POLL_MS.moving : deaf ? POLL_MS.deaf : POLL_MS.live;
    const poll = setInterval(() => {
      if (!document.hidden && !document.querySelector(STILL)) router.refresh();
    }, every);
    return () => clearInterval(poll);
  }, [router, moving, deaf]);
  return <LiveStatus state={state} />;
}
