import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { transact } from "@/server/db";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { handle } from "./handle";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

const input = z.strictObject({ name: z.string().max(20), items: z.array(z.strictObject({ image: z.int() })).max(3).default([]) });
let runs = 0;
const echo = handle({
  verb: "test.echo",
  auth: "session",
  input: { body: input },
  run: async ({ ctx, input: { body } }) =>
    transact(ctx.db, async (tx) => {
      runs += 1;
      await tx.$executeRaw`INSERT INTO changes (topic, key) VALUES ('settings', ${body.name})`;
      return { name: body.name, run: runs };
    }),
});
const agentEcho = handle({ verb: "test.agent", auth: "none", input: { body: z.strictObject({ v: z.literal(1) }) }, run: async () => ({ ok: true }) });

const post = (body: BodyInit | null, headers: Record<string, string>, path = "/api/v1/echo") =>
  new Request(`http://127.0.0.1:4600${path}`, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });

describe("handle", () => {
  it("refuses strangers, then answers a token", async () => {
    const none = await echo(post("{}", {}));
    expect(none.status).toBe(401);
    expect(none.headers.get("content-type")).toBe("application/problem+json");
    const ok = await echo(post('{"name":"a"}', await test.bearer("viewer")));
    expect(ok.status).toBe(200);
    expect(await ok.json()).toMatchObject({ name: "a" });
    expect(ok.headers.get("cache-control")).toBe("no-store");
  });

  it("says where the input is wrong", async () => {
    const auth = await test.bearer("viewer");
    const response = await echo(post('{"name":"a","items":[{"image":1},{"image":"x"}],"more":1}', auth));
    expect(response.status).toBe(400);
    const problem = await response.json();
    expect(problem.type).toBe("/problems/invalid");
    expect(problem.requestId).toBe(response.headers.get("x-request-id"));
    expect(problem.fields.map((field: { path: string }) => field.path).sort()).toEqual(["items[1].image", "more"]);
  });

  it("tells a newer agent what it accepts before it looks at unknown fields", async () => {
    const response = await agentEcho(post('{"v":2,"surprise":true}', {}, "/api/agent/v1/echo"));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ type: "/problems/unsupported-version", accepts: { min: 1, max: 1 } });
    expect(response.headers.get("plumbline-accepts")).toBe("1-1");
  });

  it("runs 50 parallel posts under one key once, with one answer", async () => {
    const auth = await test.bearer("viewer");
    const before = runs;
    const responses = await Promise.all(Array.from({ length: 50 }, () => echo(post('{"name":"once"}', { ...auth, "idempotency-key": "k-50" }))));
    const bodies = await Promise.all(responses.map((response) => response.text()));
    expect(new Set(responses.map((response) => response.status))).toEqual(new Set([200]));
    expect(new Set(bodies).size).toBe(1);
    expect(runs - before).toBe(1);
    expect(responses.filter((response) => response.headers.get("idempotency-replayed") === "true")).toHaveLength(49);
    const other = await echo(post('{"name":"twice"}', { ...auth, "idempotency-key": "k-50" }));
    expect(other.status).toBe(422);
  });

  it("frees the key of a refused request, and never commits a claim that was taken over", async () => {
    const auth = await test.bearer("viewer");
    let fail: "refuse" | "taken" | "no" = "refuse";
    const flaky = handle({
      verb: "test.flaky",
      auth: "session",
      input: { body: input },
      run: async ({ ctx, input: { body } }) => {
        if (fail === "taken") await ctx.db.$executeRaw`UPDATE idempotency_keys SET created_at = created_at + interval '1 hour' WHERE actor_id = ${ctx.actor.id}::uuid`;
        return transact(ctx.db, async (tx) => {
          await tx.$executeRaw`INSERT INTO changes (topic, key) VALUES ('settings', ${`flaky-${body.name}`})`;
          if (fail === "refuse") throw new z.ZodError([]);
          return { ok: true };
        });
      },
    });
    const send = () => flaky(post('{"name":"x"}', { ...auth, "idempotency-key": "k-flaky" }));
    expect((await send()).status).toBe(400);
    fail = "no";
    expect((await send()).status).toBe(200);
    fail = "taken";
    expect((await flaky(post('{"name":"y"}', { ...auth, "idempotency-key": "k-taken" }))).status).toBe(409);
    const [row] = await test.db.$queryRaw<{ n: bigint }[]>`SELECT count(*) AS n FROM changes WHERE key LIKE 'flaky-%'`;
    expect(row?.n).toBe(1n);
  });

  it("takes over a claim whose process died, and says so when the work had committed", async () => {
    const auth = await test.bearer("viewer");
    const send = (key: string) => echo(post('{"name":"z"}', { ...auth, "idempotency-key": key }));
    expect((await send("dead")).status).toBe(200);
    await test.db.$executeRaw`UPDATE idempotency_keys SET status = NULL, response = NULL, created_at = now() - interval '1 minute' WHERE key = 'dead'`;
    expect((await send("dead")).status).toBe(200);
    await test.db.$executeRaw`UPDATE idempotency_keys SET status = 102, response = NULL, created_at = now() - interval '1 minute' WHERE key = 'dead'`;
    const lost = await send("dead");
    expect(lost.status).toBe(409);
    expect(await lost.json()).toMatchObject({ type: "/problems/answer-lost" });
  });

  it("answers 1,000 malformed bodies with 4xx, never 5xx", async () => {
    const auth = await test.bearer("viewer");
    const deep = "[".repeat(5_000) + "]".repeat(5_000);
    const shapes: { body: BodyInit | null; headers?: Record<string, string>; status?: number }[] = [
      { body: "", status: 400 },
      { body: null, status: 400 },
      { body: "{", status: 400 },
      { body: "null", status: 400 },
      { body: "[]", status: 400 },
      { body: "1e999", status: 400 },
      { body: `{"name":${deep}}`, status: 400 },
      { body: deep, status: 400 },
      { body: '{"a":'.repeat(5_000), status: 400 },
      { body: '{"name":"a\\u0000b"}', status: 400 },
      { body: '{"name":"\\ud800"}', status: 400 },
      { body: '{"name":"\\udc00x"}', status: 400 },
      { body: '{"\\ud83d":1,"name":"a"}', status: 400 },
      { body: '{"__proto__":{"admin":true},"name":"a"}', status: 400 },
      { body: '{"name":"a","items":{"__proto__":1}}', status: 400 },
      { body: '{"name":"a","\\u005f_proto__":1}', status: 400 },
      { body: '{"name":1}', status: 400 },
      { body: '{"name":"a","items":"x"}', status: 400 },
      { body: '{"name":"a","items":[{"image":1.5}]}', status: 400 },
      { body: '{"name":"a","items":[{"image":1},{"image":1},{"image":1},{"image":1}]}', status: 400 },
      { body: new Uint8Array([0xff, 0xfe, 0x00]), status: 400 },
      { body: new Uint8Array([0x7b, 0xc3, 0x28, 0x7d]), status: 400 },
      { body: `{"name":"${"x".repeat(5 * 1024 * 1024)}"}`, status: 413 },
      { body: gzipSync(Buffer.alloc(64 * 1024 * 1024)), headers: { "content-encoding": "gzip" }, status: 413 },
      { body: "not gzip", headers: { "content-encoding": "gzip" }, status: 400 },
      { body: gzipSync("{"), headers: { "content-encoding": "gzip" }, status: 400 },
      { body: "{}", headers: { "content-encoding": "br" }, status: 415 },
      { body: "{}", headers: { "content-type": "text/plain" }, status: 415 },
      { body: "{}", headers: { "content-type": "application/json, application/json" }, status: 415 },
      { body: "{}", headers: { "content-type": "application/json; charset=utf-16" }, status: 415 },
      { body: '{"name":"a"}', headers: { "idempotency-key": "a b" }, status: 400 },
      { body: '{"name":"a"}', headers: { "idempotency-key": "x".repeat(201) }, status: 400 },
    ];
    const seen: number[] = [];
    for (let index = 0; index < 1_000; index += 1) {
      const shape = shapes[index % shapes.length];
      if (!shape || (index >= shapes.length * 2 && shape.status === 413)) continue;
      const response = await echo(post(shape.body, { ...auth, ...shape.headers }));
      expect(response.status, `${index}: ${String(shape.body).slice(0, 40)}`).toBe(shape.status);
      seen.push(response.status);
    }
    // Random damage to a good body: whatever comes, no 5xx.
    const good = '{"name":"abc","items":[{"image":1},{"image":2}]}';
    for (let index = 0; index < 400; index += 1) {
      const at = (index * 7) % good.length;
      const damaged = good.slice(0, at) + String.fromCharCode((index * 31) % 256) + good.slice(at + (index % 3));
      const response = await echo(post(damaged, auth));
      expect(response.status).toBeLessThan(500);
      seen.push(response.status);
    }
    expect(seen.length).toBeGreaterThan(1_000);
  });
});
