import { setMaxListeners } from "node:events";
import { processWide } from "./process-wide";

const controller = (): AbortController =>
  processWide("shutdown", () => {
    const made = new AbortController();
    // Every open stream and long-poll listens: many of them are no leak.
    setMaxListeners(0, made.signal);
    return made;
  });

/** Aborted when the process is asked to end: streams and long-polls finish then. */
export function shutdownSignal(): AbortSignal {
  return controller().signal;
}

export function beginShutdown(): void {
  controller().abort();
}
