import { describe, expect, it } from "vitest";
import { AppError } from "@/server/errors";
import { nestingDepth, parseJson } from "./scan-json";

describe("nestingDepth", () => {
  it.each([
    ["1", 0],
    ["[]", 1],
    ['{"a":[{"b":1}]}', 3],
    ['"[[[["', 0],
    ['["\\"[[["]', 1],
    ['["\\\\",[1]]', 2],
    ['"unterminated [[[', 0],
  ])("%s is %i deep", (text, depth) => {
    expect(nestingDepth(text, 32)).toBe(depth);
  });
  it("stops looking past the limit", () => {
    expect(nestingDepth("[".repeat(1_000_000), 32)).toBe(33);
  });
});

describe("parseJson", () => {
  const refusal = (text: string): AppError => {
    try {
      parseJson(text, { maxDepth: 32 });
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
    throw new Error("accepted");
  };
  it("reads what is allowed, escaped or not", () => {
    expect(parseJson('{"a":"\\u00e9 \\ud83d\\ude00","b":"😀"}', { maxDepth: 32 })).toEqual({ a: "é 😀", b: "😀" });
    expect(parseJson(`${"[".repeat(32)}${"]".repeat(32)}`, { maxDepth: 32 })).toBeInstanceOf(Array);
  });
  it.each([
    ['{"a":[{"b":"x\\u0000"}]}', "a[0].b"],
    ['["\\ud800"]', "[0]"],
    ['["x\\udc00"]', "[0]"],
    ['{"a":{"\\u0000k":1}}', "a.(key)"],
    ['{"__proto__":{}}', "(key)"],
    ['{"a":{"\\u005f\\u005fproto\\u005f\\u005f":1}}', "a.(key)"],
    ['"\\ude00\\ud83d"', ""],
  ])("refuses %s at %s", (text, path) => {
    const error = refusal(text);
    expect(error.kind).toBe("invalid");
    expect(error.extras.fields?.map((field) => field.path)).toEqual([path]);
  });
  it("names malformed and deep bodies apart", () => {
    expect(refusal("{").extras.type).toBe("malformed-json");
    expect(refusal("[".repeat(5_000)).extras.type).toBe("too-deep");
    expect(refusal(`{"a":"${"\u0000"}"}`).extras.type).toBe("malformed-json");
  });
});
