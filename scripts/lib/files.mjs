import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** Reads JSON, undefined when the file does not exist. */
export function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/** Writes JSON that only the owner may read, whole or not at all. */
export function writeJson(file, value) {
  const draft = `${file}.${process.pid}.draft`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}
