import pino, { type Logger } from "pino";

export type Log = Logger;

/** JSON lines on standard output. Only listed fields are logged; a secret has no field to stand in. */
export function createLog(name: string, level: string): Log {
  return pino({ name, level, base: { name }, redact: { paths: ["*.token", "*.password", "*.authorization", "*.cookie", "token", "password", "authorization", "cookie"], censor: "(hidden)" } });
}
