"use client";

import { useQueryStates } from "nuqs";
import { placeParser } from "@/app/(dashboard)/rollback/place";
import { startParser } from "./start";
import type { Start } from "./start";

const params = { start: startParser, rollback: placeParser };

/** What may be started is open, and how to open or (with null) close one. A rollback has a name of its own in the URL, as the pager's links know it. */
export function useStart(): [Start | null, (start: Start | null) => void] {
  const [{ start, rollback }, set] = useQueryStates(params);
  const open: Start | null = start ?? (rollback ? { kind: "rollback", ...rollback, version: null, targets: null } : null);
  return [open, (next) => void set({ start: next, rollback: null })];
}
