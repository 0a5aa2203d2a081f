import { describe, expect, it } from "vitest";
import { safeNext } from "./safe-next";

describe("safeNext", () => {
  it.each([
    ["/drift?service=payments", "/drift?service=payments"],
    ["/services/payments#instances", "/services/payments#instances"],
    ["/fleet?rollback=a/b/default", "/fleet?rollback=a/b/default"],
    [undefined, "/fleet"],
    ["", "/fleet"],
    ["/", "/fleet"],
    ["https://evil.example/", "/fleet"],
    ["//evil.example/", "/fleet"],
    ["/\\evil.example", "/fleet"],
    ["/\t/evil.example", "/fleet"],
    ["/.//evil.example", "/fleet"],
    ["javascript:alert(1)", "/fleet"],
    ["/api/v1/rollbacks/form", "/fleet"],
    ["/sign-in?next=/sign-in", "/fleet"],
    [["/drift", "/fleet"], "/fleet"],
  ])("%j leads to %s", (given, expected) => {
    expect(safeNext(given)).toBe(expected);
  });
});
