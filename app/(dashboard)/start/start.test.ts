import { expect, it } from "vitest";
import { formatStart, parseStart } from "./start";

const place = { service: "payments", environment: "production", partition: "default" };

it.each([
  ["promote:payments/production/default", { kind: "promote", ...place, version: null, targets: null }],
  ["promote:payments/production/default@1.43.0+build@7!x", { kind: "promote", ...place, version: "1.43.0+build@7!x", targets: null }],
  ["replace:payments/production/default!12,15", { kind: "replace", ...place, version: null, targets: ["12", "15"] }],
  ["stop:payments/production/eu", { kind: "stop", ...place, partition: "eu", version: null, targets: null }],
])("%s is read and written alike", (text, start) => {
  const read = parseStart(text);
  expect(read).toEqual(start);
  expect(read && formatStart(read)).toBe(text);
});

it("the partition may be left out", () => expect(parseStart("rollback:payments/production")).toMatchObject({ kind: "rollback", ...place }));

it.each(["", "promote", "promote:", "promote:payments", "undo:payments/production", "promote:payments/production@", "replace:payments/production!", "replace:payments/production!a", "promote:Pay ments/production", "promote:a/b/c/d"])("refuses %j", (text) => {
  expect(parseStart(text)).toBeNull();
});
