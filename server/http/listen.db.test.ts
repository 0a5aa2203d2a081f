import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { handle } from "./handle";
import { startListener, type Listener } from "./listen";
import { peerOf } from "./peer";

let test: TestApp;
let listener: Listener;
let seenByNext: IncomingHttpHeaders = {};
beforeAll(async () => {
  test = await createTestApp();
  listener = await startListener(
    { ...test.app, config: { ...test.app.config, port: 0 } },
    {
      agentRoutes: [
        { method: "POST", path: "/api/agent/v1/echo", handler: handle({ verb: "test.echo", auth: "none", input: { body: z.strictObject({ v: z.literal(1) }) }, run: async ({ request }) => ({ peer: peerOf(request) }) }) },
      ],
      next: async (incoming, response) => {
        seenByNext = incoming.headers;
        response.end("next");
      },
    },
  );
});
afterAll(async () => {
  await listener.close();
  await test.drop();
});

type Answer = { status: number; headers: IncomingHttpHeaders; text: string };
function send(method: string, path: string, headers: Record<string, string | string[]>, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port: listener.port, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

describe("the listener", () => {
  it("serves agents directly, telling handlers the true peer", async () => {
    const answer = await send("POST", "/api/agent/v1/echo?x=1", { "content-type": "application/json", "x-plumbline-peer": "10.9.8.7" }, '{"v":1}');
    expect(answer).toMatchObject({ status: 200, text: '{"peer":"127.0.0.1"}' });
    expect(answer.headers).toMatchObject({ "x-content-type-options": "nosniff", "plumbline-accepts": "1-1" });
    expect(answer.headers["strict-transport-security"]).toBeUndefined();
  });
  it("gives Next no header that only servers may set", async () => {
    expect((await send("GET", "/fleet", { "x-middleware-subrequest": "proxy", "x-forwarded-for": "127.0.0.1", "x-plumbline-path": "//evil", "x-nonce": "n" })).text).toBe("next");
    expect(Object.keys(seenByNext).filter((name) => name.startsWith("x-"))).toEqual(["x-plumbline-peer"]);
  });
  it("refuses two content types, another method, a body too large and one that is no HTTP", async () => {
    expect((await send("POST", "/api/agent/v1/echo", { "content-type": ["application/json", "text/plain"] }, '{"v":1}')).status).toBe(415);
    expect(await send("GET", "/api/agent/v1/echo", {})).toMatchObject({ status: 405, headers: { allow: "POST" } });
    expect((await send("POST", "/api/agent/v1/echo", { "content-type": "application/json" }, "x".repeat(4 * 1024 * 1024 + 1))).status).toBe(413);
    const raw = await new Promise<string>((resolve) => {
      const socket = connect(listener.port, "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"));
      let text = "";
      socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
      socket.on("close", () => resolve(text));
    });
    expect(raw).toContain("400 Bad Request");
  });
  it("survives a Host and a path that are no URL", async () => {
    expect((await send("POST", "/api/agent/v1/echo", { host: "a b\\c", "content-type": "application/json" }, '{"v":1}')).status).toBe(200);
    expect((await send("POST", "//", { "content-type": "application/json" }, "{}")).status).toBe(200);
    for (const path of ["/services/%ED%A0%80", "/services/%E0%A4%A", "/services/a%00"]) {
      const answer = await send("GET", path, {});
      expect(answer).toMatchObject({ status: 400, headers: { "content-type": "application/problem+json" } });
      expect(JSON.parse(answer.text)).toMatchObject({ type: "/problems/invalid", requestId: answer.headers["x-request-id"] });
    }
  });
  it("says which address is taken", async () => {
    await expect(startListener({ ...test.app, config: { ...test.app.config, port: listener.port } }, { agentRoutes: [], next: async () => undefined })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
