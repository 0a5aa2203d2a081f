"use client";

import { useQueryState } from "nuqs";
import { placeParser } from "./place";
import type { Place } from "./place";

/** Which rollback is open, and how to open or (with null) close one. */
export function useRollback(): [Place | null, (place: Place | null) => void] {
  const [place, setPlace] = useQueryState("rollback", placeParser);
  return [place, (next) => void setPlace(next)];
}
