import { expect, it } from "vitest";
import { parseJson } from "@/server/http/scan-json";
import { toWire } from "./to-wire";

it.each<[string, unknown, unknown]>([
  ["plain text", { a: "höher 🔥", b: [1, null, true] }, { a: "höher 🔥", b: [1, null, true] }],
  ["half a character at the end", { logs: ["down 🔥".slice(0, -1)] }, { logs: ["down \uFFFD"] }],
  ["half a character at the beginning", { logs: ["🔥 down".slice(1)] }, { logs: ["\uFFFD down"] }],
  ["NUL, beside what is whole", { message: "a\0b 🔥" }, { message: "a\uFFFDb 🔥" }],
  ["what only looks like it", { message: String.raw`C:\u0000 \ud83d` }, { message: String.raw`C:\u0000 \ud83d` }],
])("%s is what a server takes", (_, body, expected) => {
  expect(parseJson(toWire(body).toString("utf8"), { maxDepth: 32 })).toEqual(expected);
});
