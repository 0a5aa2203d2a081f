import { processWide } from "./process-wide";

const controller = (): AbortController => processWide("shutdown", () => new AbortController());

/** Aborted when the process is asked to end: streams and long-polls finish then. */
export function shutdownSignal(): AbortSignal {
  return controller().signal;
}

export function beginShutdown(): void {
  controller().abort();
}
