import { describe, expect, it } from "vitest";
import { restartDelayMs } from "./children.mjs";
import { describeError, Failure, isNodeNewEnough } from "./failure.mjs";

describe("isNodeNewEnough", () => {
  it.each([
    ["18.20.8", false],
    ["20.18.3", false],
    ["20.19.0", true],
    ["20.20.2", true],
    ["22.0.0", true],
  ])("%s: %s", (version, enough) => expect(isNodeNewEnough(version)).toBe(enough));
});

describe("describeError", () => {
  it("shows what a person can act on without a stack", () => {
    expect(describeError(new Failure("Do this."))).toBe("Do this.");
    expect(describeError(Object.assign(new Error("x"), { code: "EACCES", path: "/srv/data" }))).toMatch(/^Cannot use \/srv\/data: not allowed\./);
  });

  it("keeps the stack of anything unexpected", () => {
    expect(describeError(new Error("odd"))).toMatch(/odd\n\s+at /);
  });
});

describe("restartDelayMs", () => {
  it("grows and stops growing", () => {
    expect([1, 2, 3, 20].map(restartDelayMs)).toEqual([250, 500, 1_000, 30_000]);
  });
});
