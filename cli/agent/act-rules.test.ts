import { describe, expect, it } from "vitest";
import { allowsTarget, parseActFile } from "./act-rules";

describe("allowsTarget", () => {
  it.each([
    [[], "payments", false],
    [["payments*"], "payments-1", true],
    [["payments*"], "my-payments", false],
    [["payments"], "payments-1", false],
    [["pay*"], "shop/payments", true],
    [["shop/*"], "shop/payments", true],
    [["p.y"], "pay", false],
    [["*"], "anything/at all", true],
  ] as const)("%j on %s", (patterns, target, allowed) => expect(allowsTarget(patterns, target)).toBe(allowed));
});

it("parseActFile reads one pattern a line, without comments", () => {
  expect(parseActFile("# mine\npay*  # all of them\n\n shop/web \n")).toEqual(["pay*", "shop/web"]);
});
