/** Reading foreign JSON without a schema library: every reader takes the value and its path, and throws LedgerFormatError. */
import { fromBase64 } from "./bytes";
import type { JsonObject, JsonValue } from "./canonical-json";

/** Bytes or JSON that are not what this version of the format allows. */
export class LedgerFormatError extends Error {
  override name = "LedgerFormatError";
}

export type Reader<T> = (value: JsonValue | undefined, path: string) => T;
type Shape = Record<string, Reader<unknown>>;
type Read<S extends Shape> = { [K in keyof S]: ReturnType<S[K]> };

/** Throws with where and what. */
export function refuse(path: string, expected: string): never {
  throw new LedgerFormatError(`${path}: expected ${expected}`);
}

export const readObject: Reader<JsonObject> = (value, path) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(path, "an object");
  return value as JsonObject;
};

/** An object with exactly these members. */
export function objectOf<S extends Shape>(shape: S): Reader<Read<S>> {
  const readMembers = objectWith(shape);
  return (value, path) => {
    for (const key of Object.keys(readObject(value, path))) if (!Object.hasOwn(shape, key)) refuse(`${path}.${key}`, "no such member");
    return readMembers(value, path);
  };
}

/** An object with these members; others may be there and are left out. */
export function objectWith<S extends Shape>(shape: S): Reader<Read<S>> {
  const members = Object.entries(shape);
  return (value, path) => {
    const object = readObject(value, path);
    const read: Record<string, unknown> = {};
    for (const [key, reader] of members) read[key] = reader(Object.hasOwn(object, key) ? object[key] : undefined, `${path}.${key}`);
    return read as Read<S>;
  };
}

export function arrayOf<T>(item: Reader<T>): Reader<T[]> {
  return (value, path) => (Array.isArray(value) ? value.map((each: JsonValue, at) => item(each, `${path}[${at}]`)) : refuse(path, "an array"));
}

export function orNull<T>(reader: Reader<T>): Reader<T | null> {
  return (value, path) => (value === null ? null : reader(value, path));
}

export function oneOf<const T extends JsonValue>(values: readonly T[]): Reader<T> {
  return (value, path) => values.find((known) => known === value) ?? refuse(path, values.join(" | "));
}

export function textMatching(pattern: RegExp, expected: string): Reader<string> {
  return (value, path) => (typeof value === "string" && pattern.test(value) ? value : refuse(path, expected));
}

export const readText: Reader<string> = (value, path) => (typeof value === "string" && value !== "" ? value : refuse(path, "a text"));

/** An exact integer from 0. */
export const readCount: Reader<number> = (value, path) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : refuse(path, "an integer from 0");

export const readBase64: Reader<Uint8Array> = (value, path) => (typeof value === "string" ? fromBase64(value) : null) ?? refuse(path, "base64");
