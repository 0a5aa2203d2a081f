"use client";

import { createContext, useContext, useSyncExternalStore } from "react";
import type { ReactNode } from "react";

/** One clock per tab: every age on the page ticks together, and a tab in the background rests. */
const listeners = new Set<() => void>();
let offsetMs = 0;
let nowMs = 0;
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  nowMs = Date.now() + offsetMs;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    if (!document.hidden) tick();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function read(): number {
  if (nowMs === 0) nowMs = Date.now() + offsetMs;
  return nowMs;
}

/** Ages are counted on the server's clock: call with its time (ms) whenever it is heard. Below a second nothing moves. */
export function syncClock(serverNowMs: number): void {
  const heard = serverNowMs - Date.now();
  if (Math.abs(heard - offsetMs) < 1000) return;
  offsetMs = heard;
  tick();
}

const ServerNow = createContext(0);

/** Gives the first render the server's moment, so that server and browser print the same ages. */
export function ClockProvider({ serverNow, children }: { serverNow: number; children: ReactNode }) {
  return <ServerNow value={serverNow}>{children}</ServerNow>;
}

/** Milliseconds now, on the server's clock, once a second. */
export function useNow(): number {
  const serverNow = useContext(ServerNow);
  return useSyncExternalStore(subscribe, read, () => serverNow);
}
