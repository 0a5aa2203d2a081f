"use client";

import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { ChangeEvent } from "@/lib/contract/live";
import { STALE_BY_TOPIC } from "./keys";
import { connectLive, type LiveState } from "./live-connection";

const BATCH_MS = 150;

/** Marks stale what the changes touched, each key once, however many events named it. */
export function applyChanges(client: QueryClient, changes: ChangeEvent[]): void {
  const prefixes = new Map<string, readonly string[]>();
  for (const change of changes) {
    if (change.topic === "rollout" && change.key) {
      for (const key of [["rollouts", "one", change.key], ["rollouts", "list"], ["fleet", "matrix"], ["fleet", "service"]]) prefixes.set(key.join("/"), key);
      continue;
    }
    for (const key of STALE_BY_TOPIC[change.topic] ?? []) prefixes.set(key.join("/"), key);
  }
  for (const queryKey of prefixes.values()) void client.invalidateQueries({ queryKey });
}

/** Keeps the tab's queries live; mounted once, in the shell. Bursts are gathered for 150 ms. `onServerTime` must be stable. */
export function useLiveChanges(onServerTime?: (nowMs: number) => void): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>({ status: "connecting", at: null });
  useEffect(() => {
    let pending: ChangeEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const batch = pending;
      pending = [];
      applyChanges(client, batch);
    };
    const stop = connectLive("/api/v1/events", {
      onState: setState,
      onServerTime,
      onReset: () => void client.invalidateQueries(),
      onChange: (changes) => {
        pending.push(...changes);
        timer ??= setTimeout(flush, BATCH_MS);
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [client, onServerTime]);
  return state;
}
