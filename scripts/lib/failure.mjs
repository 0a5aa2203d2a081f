/** Something the person at the terminal can act on: printed as its message, without a stack. */
export class Failure extends Error {}

/** Prints an error as a person should read it. */
export function printError(error) {
  const text = error instanceof Failure ? error.message : (error?.stack ?? String(error));
  console.error(`\n${text}`);
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
