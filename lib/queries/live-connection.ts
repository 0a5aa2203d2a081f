import type { ChangeEvent } from "@/lib/contract/live";

/** What the pill shows. `at` is epoch ms of the last sign of life. */
export type LiveState = { status: "connecting" | "live" | "catching-up" | "offline"; at: number | null };

export type LiveCallbacks = {
  onChange: (changes: ChangeEvent[]) => void;
  onReset: () => void;
  onState: (state: LiveState) => void;
  /** The server's clock (epoch ms), as often as it is heard. */
  onServerTime?: (nowMs: number) => void;
};

/** The server says `beat` at least every 10 s; a stream that is quiet for twice that is dead, whatever the browser thinks. */
const OFFLINE_AFTER_MS = 20_000;

/**
 * One EventSource for the tab: closed while the tab is hidden, resumed with the last id by the browser itself. Coming
 * back after it was closed is a gap, so everything is refetched. Returns the function that ends it.
 */
export function connectLive(url: string, { onChange, onReset, onState, onServerTime }: LiveCallbacks): () => void {
  let source: EventSource | null = null;
  let lastAt: number | null = null;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  let wasConnected = false;
  /** Quiet for so long that another attempt is not "catching up" any more. */
  let overdue = false;

  const alive = () => {
    lastAt = Date.now();
    onState({ status: "live", at: lastAt });
    watch();
  };
  const watch = () => {
    overdue = false;
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      overdue = true;
      onState({ status: "offline", at: lastAt });
    }, OFFLINE_AFTER_MS);
  };
  const heardTime = (text: string) => {
    const at = parseServerTime(text);
    if (at !== null) onServerTime?.(at);
  };
  const open = () => {
    if (source) return;
    source = new EventSource(url);
    if (watchdog === undefined) watch();
    source.addEventListener("hello", (event) => {
      alive();
      heardTime(event.data);
      if (wasConnected) onReset();
      wasConnected = true;
    });
    source.addEventListener("beat", (event) => {
      alive();
      heardTime(event.data);
    });
    source.addEventListener("reset", () => {
      alive();
      onReset();
    });
    source.addEventListener("change", (event) => {
      alive();
      const changes = parseChanges(event.data);
      if (changes) onChange(changes);
      else onReset();
    });
    source.addEventListener("error", () => {
      const closed = source?.readyState === EventSource.CLOSED;
      onState({ status: closed || overdue ? "offline" : "catching-up", at: lastAt });
      if (closed) {
        source = null;
        setTimeout(() => document.visibilityState === "visible" && open(), 3_000 + Math.random() * 2_000);
      }
    });
  };
  const close = () => {
    clearTimeout(watchdog);
    watchdog = undefined;
    source?.close();
    source = null;
  };
  const onVisibility = () => (document.visibilityState === "visible" ? open() : close());
  document.addEventListener("visibilitychange", onVisibility);
  if (document.visibilityState === "visible") open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    close();
  };
}

/** The moment (epoch ms) that `hello` and `beat` carry; null when they carry none. */
export function parseServerTime(text: string): number | null {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value !== "object" || !("at" in value) || typeof value.at !== "string") return null;
    const at = Date.parse(value.at);
    return Number.isNaN(at) ? null : at;
  } catch {
    return null;
  }
}

/** Null when the text is not a list of change events: the caller then refetches everything. */
export function parseChanges(text: string): ChangeEvent[] | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value)) return null;
    return value.every((item) => item !== null && typeof item === "object" && "topic" in item && typeof item.topic === "string") ? (value as ChangeEvent[]) : null;
  } catch {
    return null;
  }
}
