/** Something the person at the terminal can act on: printed as its message, without a stack. */
export class Failure extends Error {}

/** Prints an error as a person should read it. */
export function printError(error) {
  console.error(`\n${describeError(error)}`);
}

/** @param {any} error */
export function describeError(error) {
  if (error instanceof Failure) return error.message;
  const what = { EACCES: "not allowed", EPERM: "not allowed", EROFS: "the file system is read-only", ENOSPC: "the disk is full" }[error?.code];
  if (what && error.path) return `Cannot use ${error.path}: ${what}. Start Plumbline as the user who owns this checkout and its data, or name another folder with PLUMBLINE_DATA.`;
  return error?.stack ?? String(error);
}

/** Stops with words when this Node.js is too old for what follows. */
export function requireNode(version = process.versions.node) {
  if (!isNodeNewEnough(version)) {
    throw new Failure(`Plumbline needs Node.js 20.19 or newer; this is ${version} (${process.execPath}). Install a newer one from https://nodejs.org and try again.`);
  }
}

/** @param {string} version such as "20.19.0" */
export function isNodeNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 20 || (major === 20 && minor >= 19);
}
