import { describe, expect, it } from "vitest";
import { parseChanges, parseServerTime } from "./live-connection";

describe("parseChanges", () => {
  it("reads a list of changes", () => {
    const changes = [{ topic: "fleet", service: null, environment: null, key: null }];
    expect(parseChanges(JSON.stringify(changes))).toEqual(changes);
  });
  it.each(["", "{", "null", "{}", "[1]", '[{"topic":1}]', "[null]"])("refuses %j: the caller then refetches everything", (text) => {
    expect(parseChanges(text)).toBeNull();
  });
});

describe("parseServerTime", () => {
  it("reads the moment that a beat carries", () => {
    expect(parseServerTime('{"at":"2026-11-20T02:16:24.000Z"}')).toBe(Date.UTC(2026, 10, 20, 2, 16, 24));
  });
  it.each(["", "{}", "null", '{"at":5}', '{"at":"soon"}'])("takes nothing from %j", (text) => {
    expect(parseServerTime(text)).toBeNull();
  });
});
