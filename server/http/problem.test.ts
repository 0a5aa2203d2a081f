import { describe, expect, it } from "vitest";
import { z } from "zod";
import { problem } from "@/lib/contract/problem";
import { AppError, ERROR_KINDS, type ErrorKind } from "@/server/errors";
import { formatPath, problemResponse, toAppError } from "./problem";

const databaseError = (code: string): Error => Object.assign(new Error("Raw query failed"), { code: "P2010", meta: { driverAdapterError: Object.assign(new Error("x"), { cause: { originalCode: code } }) } });

describe("problemResponse", () => {
  it.each(Object.entries(ERROR_KINDS) as [ErrorKind, number][])("%s is %i", async (kind, status) => {
    const response = problemResponse(new AppError(kind, "Why.", { fields: [{ path: "a", message: "b" }] }), "r1");
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(problem.parse(await response.json())).toMatchObject({ type: `/problems/${kind}`, detail: "Why.", requestId: "r1" });
    expect(response.headers.has("retry-after")).toBe(kind === "unavailable" || kind === "rate-limited");
  });
  it("tells nothing of what nobody foresaw", async () => {
    const response = problemResponse(toAppError(new Error("password is hunter2")), "r2");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("hunter2");
  });
});

describe("toAppError", () => {
  it.each([
    ["53100", "unavailable", "disk-full"],
    ["53300", "unavailable", "database-unavailable"],
    ["57P01", "unavailable", "database-unavailable"],
    ["08006", "unavailable", "database-unavailable"],
    ["40P01", "unavailable", "database-unavailable"],
    ["23505", "conflict", "already-exists"],
    ["23514", "unprocessable", "refused-by-rule"],
    ["22021", "invalid", "value-out-of-range"],
    ["42501", "forbidden", "not-permitted"],
  ])("SQLSTATE %s is %s", (code, kind, type) => {
    expect(toAppError(databaseError(code))).toMatchObject({ kind, extras: { type } });
  });
  it("leaves a broken statement to the log", () => {
    expect(toAppError(databaseError("42601"))).toBeNull();
  });
  it.each([
    [Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })],
    [new Error("Connection terminated unexpectedly")],
    [new Error('database "x" is not currently accepting connections')],
    [Object.assign(new Error("x"), { code: "P2024" })],
    [new Error("outer", { cause: Object.assign(new Error("inner"), { code: "57P03" }) })],
  ])("%s means later", (error) => {
    expect(toAppError(error)).toMatchObject({ kind: "unavailable" });
  });
  it("names the place in the input", () => {
    const schema = z.strictObject({ instances: z.array(z.strictObject({ image: z.int() })) });
    const parsed = schema.safeParse({ instances: [{ image: 1 }, { image: "x", more: 1 }], other: 2 });
    const fields = toAppError(parsed.error)?.extras.fields;
    expect(fields?.map(({ path }) => path).sort()).toEqual(["instances[1].image", "instances[1].more", "other"]);
    expect(formatPath([])).toBe("");
    expect(formatPath([0, "a", 1])).toBe("[0].a[1]");
  });
});
