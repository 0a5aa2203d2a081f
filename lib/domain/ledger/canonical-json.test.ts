import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CanonicalJsonError, canonicalBytes, canonicalize, parseCanonical, parseCanonicalBytes, type JsonValue } from "./canonical-json";
import { encodeUtf8, toHex } from "./bytes";

describe("RFC 8785's own examples", () => {
  it("§3.2.2 and §3.2.4: primitive types, to the byte", () => {
    const input = String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`;
    expect(toHex(canonicalBytes(JSON.parse(input) as JsonValue))).toBe(
      "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e" +
        "756d62657273223a5b3333333333333333332e333333333333332c31652b3330" +
        "2c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac24" +
        "5c75303030665c6e4127425c225c5c5c5c5c222f227d",
    );
  });

  it("§3.2.3: keys in the order of UTF-16 code units", () => {
    const input = String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`;
    expect(canonicalize(JSON.parse(input) as JsonValue)).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    );
  });

  it("nested structures of the reference test data", () => {
    const input = String.raw`{"1":{"f":{"f":"hi","F":5},"\n":56.0},"10":{},"":"empty","a":{},"111":[{"e":"yes","E":"no"}],"A":{}}`;
    expect(canonicalize(JSON.parse(input) as JsonValue)).toBe(
      String.raw`{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}`,
    );
  });

  it("does not normalise text", () => {
    expect(canonicalize({ text: "A\u030a" })).toBe('{"text":"A\u030a"}');
    expect(canonicalize(["\u007f</script>"])).toBe('["\u007f</script>"]');
  });

  it.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4f", null],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    // Exact digits that are not exact: the RFC writes them, we refuse them.
    ["4340000000000000", null],
    ["c340000000000000", null],
    ["4430000000000000", null],
    // NaN and infinity are errors in the RFC as well.
    ["7fffffffffffffff", null],
    ["7ff0000000000000", null],
  ])("appendix B: the double %s is %s", (bits, text) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(`0x${bits}`));
    const number = view.getFloat64(0);
    if (text === null) expect(() => canonicalize(number)).toThrow(CanonicalJsonError);
    else expect(canonicalize(number)).toBe(text);
  });
});

describe("what is refused", () => {
  const nested = (levels: number): JsonValue => {
    let value: JsonValue = 1;
    for (let level = 0; level < levels; level += 1) value = [value];
    return value;
  };

  it.each<[string, unknown]>([
    ["undefined", undefined],
    ["undefined in an object", { a: undefined }],
    ["a hole in an array", Array.from({ length: 1 })],
    ["a function", () => 1],
    ["a bigint", 1n],
    ["a date", new Date(0)],
    ["a lone surrogate", "\ud800"],
    ["a lone surrogate in a key", { "\udfff": 1 }],
    ["2^53", 2 ** 53],
    ["-2^53", -(2 ** 53)],
    ["65 levels", nested(65)],
  ])("%s", (_, value) => {
    expect(() => canonicalize(value as JsonValue)).toThrow(CanonicalJsonError);
  });

  it("accepts the limits themselves", () => {
    expect(canonicalize(2 ** 53 - 1)).toBe("9007199254740991");
    expect(canonicalize(nested(64))).toBe(`${"[".repeat(64)}1${"]".repeat(64)}`);
  });

  it.each(['{"a":1,"a":1}', '{"b":1,"a":1}', "1.0", "-0", '{"a": 1}', '"\\u0041"', '"\\/"', "", "[1,]", "\ufeff1"])("parsing %j", (text) => {
    expect(() => parseCanonical(text)).toThrow(CanonicalJsonError);
  });

  it("bytes that are not UTF-8", () => {
    expect(() => parseCanonicalBytes(Uint8Array.of(0x22, 0xc3, 0x22))).toThrow(CanonicalJsonError);
  });
});

describe("properties", () => {
  it("is a fixed point of parsing, whatever order the keys came in", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        let text: string;
        try {
          text = canonicalize(value as JsonValue);
        } catch (error) {
          expect(error).toBeInstanceOf(CanonicalJsonError);
          return;
        }
        expect(canonicalize(parseCanonicalBytes(encodeUtf8(text)))).toBe(text);
      }),
    );
  });

  it("keeps a key named __proto__ as data", () => {
    expect(canonicalize(JSON.parse('{"__proto__":{"a":1}}') as JsonValue)).toBe('{"__proto__":{"a":1}}');
  });
});
