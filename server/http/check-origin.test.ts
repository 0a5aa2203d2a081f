import { describe, expect, it } from "vitest";
import { AppError } from "@/server/errors";
import { checkOrigin, ownOrigins } from "./check-origin";

const loopback = { url: "http://127.0.0.1:4600" };
const world = { url: "https://plumbline.example" };
const ask = (config: { url: string }, cookie: boolean, headers: Record<string, string>, method = "POST"): string => {
  try {
    checkOrigin({ method, headers: new Headers({ "content-type": "application/json", ...headers }) }, config, { cookie });
    return "ok";
  } catch (error) {
    if (error instanceof AppError) return error.kind;
    throw error;
  }
};

describe("checkOrigin", () => {
  it.each([
    [world, true, { origin: "https://plumbline.example" }, "ok"],
    [world, true, { origin: "https://plumbline.example", "sec-fetch-site": "same-origin" }, "ok"],
    [world, true, {}, "forbidden"],
    [world, true, { origin: "null" }, "forbidden"],
    [world, true, { origin: "https://plumbline.example.evil.example" }, "forbidden"],
    [world, true, { origin: "http://plumbline.example" }, "forbidden"],
    [world, true, { origin: "https://plumbline.example:444" }, "forbidden"],
    [world, true, { origin: "https://plumbline.example", "sec-fetch-site": "same-site" }, "forbidden"],
    [world, true, { origin: "https://plumbline.example", "sec-fetch-site": "none" }, "forbidden"],
    [world, true, { origin: "https://plumbline.example", "content-type": "text/plain" }, "unsupported"],
    [world, false, {}, "ok"],
    [world, false, { origin: "https://evil.example" }, "forbidden"],
    [world, false, { "sec-fetch-site": "cross-site" }, "forbidden"],
    [loopback, true, { origin: "http://localhost:4600" }, "ok"],
    [loopback, true, { origin: "http://localhost:4601" }, "forbidden"],
  ] as const)("%o cookie %s %o: %s", (config, cookie, headers, expected) => {
    expect(ask(config, cookie, headers)).toBe(expected);
  });
  it("does not ask of reads", () => {
    expect(ask(world, true, { origin: "https://evil.example" }, "GET")).toBe("ok");
  });
  it("asks of a DELETE without a body", () => {
    expect(ask(world, true, { "content-type": "" }, "DELETE")).toBe("forbidden");
    expect(ask(world, true, { origin: "https://plumbline.example" }, "DELETE")).toBe("ok");
  });
  it("knows the machine's other names on loopback only", () => {
    expect(ownOrigins(world)).toEqual(["https://plumbline.example"]);
    expect(ownOrigins(loopback)).toContain("http://[::1]:4600");
  });
});
