"use client";

import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let message = "";

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Speaks a sentence through the page's live region. The same sentence twice is spoken twice. */
export function announce(text: string): void {
  message = text === message ? `${text}\u00a0` : text;
  for (const listener of listeners) listener();
}

/** Where `announce` speaks. Once in the shell, and once in every modal dialog, whose outside is inert. */
export function LiveRegion() {
  const words = useSyncExternalStore(subscribe, () => message, () => "");
  return (
    <output className="visually-hidden" aria-live="polite">
      {words}
    </output>
  );
}
