import { describe, expect, it } from "vitest";
import { parseTrusted, resolvePeer, stripHeaders } from "./strip-headers";

describe("stripHeaders", () => {
  const sent = () => ({
    host: "x",
    authorization: "Bearer t",
    "x-plumbline-peer": "127.0.0.1",
    "x-plumbline-anything": "1",
    "x-middleware-subrequest": "proxy",
    "x-nonce": "guessed",
    "x-forwarded-for": "127.0.0.1, 10.0.0.7",
    "x-forwarded-host": "evil.example",
    forwarded: "for=127.0.0.1",
    "x-real-ip": "127.0.0.1",
  });
  it("takes from a stranger what only servers may say", () => {
    const headers = sent();
    stripHeaders(headers, "::ffff:203.0.113.9", parseTrusted([]));
    expect(headers).toEqual({ host: "x", authorization: "Bearer t", "x-plumbline-peer": "203.0.113.9" });
  });
  it("believes a trusted proxy about the last address that is none itself", () => {
    const headers = sent();
    stripHeaders(headers, "192.168.0.1", parseTrusted(["192.168.0.0/24", "::1"]));
    expect(headers["x-plumbline-peer"]).toBe("10.0.0.7");
    expect(headers["x-forwarded-host"]).toBe("evil.example");
    expect(headers).not.toHaveProperty("x-middleware-subrequest");
  });
});

describe("resolvePeer", () => {
  const isTrusted = parseTrusted(["10.0.0.0/8"]);
  it.each([
    ["203.0.113.1", "1.1.1.1", "203.0.113.1"],
    ["10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"],
    ["10.0.0.1", undefined, "10.0.0.1"],
    ["10.0.0.1", "not an address", "10.0.0.1"],
    ["10.0.0.1", "6.6.6.6, junk", "10.0.0.1"],
    ["::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"],
  ])("%s with %s is %s", (socket, chain, peer) => {
    expect(resolvePeer(socket, chain, isTrusted)).toBe(peer);
  });
  it("refuses settings that are no address", () => {
    expect(() => parseTrusted(["proxy.local"])).toThrow(/PLUMBLINE_TRUSTED_PROXIES/);
    expect(() => parseTrusted(["10.0.0.0/33"])).toThrow(/PLUMBLINE_TRUSTED_PROXIES/);
  });
});
