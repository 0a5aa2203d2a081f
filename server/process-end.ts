import type { Log } from "./log";

/**
 * Ends the process in order when it is told to (SIGTERM, SIGINT) or when its supervisor is gone (IPC disconnect).
 * An error that nobody caught is logged; one of a database connection must not end the process.
 */
export function endInOrder(log: Log, close: () => Promise<void>): void {
  let ending = false;
  const end = (why: string, code = 0): void => {
    if (ending) return;
    ending = true;
    log.info({ why }, "ending");
    close().then(
      () => process.exit(code),
      (error: unknown) => {
        log.error({ err: error }, "ending failed");
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => end(signal));
  process.on("disconnect", () => end("the supervisor is gone"));
  process.on("unhandledRejection", (error) => log.error({ err: error }, "a promise failed and nobody looked"));
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, "an error that nobody caught");
    if (!isConnectionError(error)) {
      end("an error that nobody caught", 1);
    }
  });
}

/** A connection that broke while nobody used it: the pool opens another one. */
function isConnectionError(error: Error): boolean {
  const code = "code" in error ? String(error.code) : "";
  return /^(57P0|08|ECONN|EPIPE|ETIMEDOUT)/.test(code) || /Connection terminated|terminating connection/i.test(error.message);
}
