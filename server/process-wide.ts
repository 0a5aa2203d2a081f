const PREFIX = "plumbline.";

/**
 * One value per process and name. The listener and Next's routes are two bundles in one process, each with its own
 * copy of every module: what must exist once hangs on globalThis.
 */
export function processWide<T>(name: string, make: () => T): T {
  const key = Symbol.for(PREFIX + name);
  const held: { value: unknown } | undefined = Reflect.get(globalThis, key);
  if (held) return held.value as T;
  const value = make();
  Reflect.set(globalThis, key, { value });
  return value;
}

/** Puts a value in place of whatever was there: tests bring their own app. */
export function replaceProcessWide(name: string, value: unknown): void {
  Reflect.set(globalThis, Symbol.for(PREFIX + name), value === undefined ? undefined : { value });
}
