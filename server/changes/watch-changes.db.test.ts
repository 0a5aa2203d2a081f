import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { recordChanges } from "./record-change";
import { transact } from "@/server/db";
import { revokeToken } from "@/server/access/revoke-token";
import { authenticateCaller } from "@/server/auth/authenticate";
import { streamEvents } from "./stream-events";
import { ChangeWatcher, currentPosition, readChanges, subscribeDesired, type Position } from "./watch-changes";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

/** What this test wrote: where other databases hold the position back, the first start's own changes come along. */
const keysAfter = async (position: Position) => {
  const batch = await readChanges(test.app, position);
  return { keys: batch.changes.filter(({ topic, key }) => topic === "settings" && key !== null).map(({ key }) => key), position: batch.position };
};
/** Transactions of other databases on the same server also hold readers back: reads until as many are there. */
const keysUntil = async (start: Position, count: number) => {
  const keys: (string | null)[] = [];
  for (let position = start; ; ) {
    const batch = await keysAfter(position);
    keys.push(...batch.keys);
    position = batch.position;
    if (keys.length >= count) return { keys, position };
  }
};
const write = (key: string) => transact(test.db, (tx) => recordChanges(tx, [{ topic: "settings", key }]));

describe("readChanges", () => {
  it("waits for a transaction that began earlier and commits late, and then skips nothing", async () => {
    let position = await currentPosition(test.app);
    const late = await test.asOwner();
    await late.query("BEGIN");
    await late.query("INSERT INTO changes (topic, key) VALUES ('settings', 'late')");
    await write("early");
    expect((await keysAfter(position)).keys).toEqual([]);
    await late.query("COMMIT");
    await late.end();
    const first = await keysUntil(position, 2);
    expect(first.keys).toEqual(["late", "early"]);
    position = first.position;
    await write("next");
    expect((await keysUntil(position, 1)).keys).toEqual(["next"]);
  });

  it("delivers each of many concurrent commits exactly once", async () => {
    let position = await currentPosition(test.app);
    const seen: (string | null)[] = [];
    let writing = true;
    const reader = (async () => {
      for (;;) {
        const last = !writing;
        const batch = await keysAfter(position);
        seen.push(...batch.keys);
        position = batch.position;
        if (last && batch.keys.length === 0 && seen.length >= 200) return;
      }
    })();
    await Promise.all(Array.from({ length: 200 }, (_, index) => write(`c${index}`)));
    writing = false;
    await reader;
    expect(seen.toSorted()).toEqual(Array.from({ length: 200 }, (_, index) => `c${index}`).toSorted());
  });
});

describe("ChangeWatcher", () => {
  it("wakes an agent's long-poll by its own change only", async () => {
    const woken: string[] = [];
    let resolve: () => void = () => undefined;
    const woke = new Promise<void>((done) => (resolve = done));
    const stops = [await subscribeDesired("agent-a", () => void woken.push("a")), await subscribeDesired("agent-b", () => (woken.push("b"), resolve()))];
    await transact(test.db, (tx) => recordChanges(tx, [{ topic: "desired", key: "agent-b" }, { topic: "fleet", key: "agent-a" }]));
    await woke;
    for (const stop of stops) stop();
    expect(woken).toEqual(["b"]);
  });

  it("hears what was committed while one listener failed", async () => {
    const watcher = new ChangeWatcher(test.app);
    const heard: (string | null)[] = [];
    let resolve: () => void = () => undefined;
    const done = new Promise<void>((end) => (resolve = end));
    await watcher.subscribe(() => {
      throw new Error("mine alone");
    });
    await watcher.subscribe(({ changes }) => {
      heard.push(...changes.map(({ key }) => key));
      if (heard.includes("x")) resolve();
    });
    await write("x");
    watcher.poke();
    await done;
    watcher.stop();
    expect(heard).toContain("x");
  });
});

describe("streamEvents", () => {
  const open = async (ctx: Awaited<ReturnType<TestApp["ctx"]>>, headers: Record<string, string> = {}) => {
    const reply = await streamEvents({ ctx, request: new Request("http://127.0.0.1:4600/api/v1/events", { headers: { ...headers } }) });
    const reader = (reply.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    return {
      until: async (part: string): Promise<string> => {
        while (!text.includes(part)) {
          const { done, value } = await reader.read();
          if (done) break;
          text += new TextDecoder().decode(value);
        }
        return text;
      },
      cancel: () => reader.cancel(),
    };
  };

  it("greets, tells what the reader may see, and resumes after the last id", async () => {
    const ctx = await test.ctxWith([{ role: "viewer", service: "pay*", environment: "*", expiresAt: null }]);
    const stream = await open(ctx);
    expect(await stream.until("hello")).toContain("event: hello");
    await transact(test.db, (tx) => recordChanges(tx, [{ topic: "fleet", serviceName: "secret", key: "s" }, { topic: "desired", key: "d" }, { topic: "fleet", serviceName: "payments", key: "p" }, { topic: "fleet", serviceName: "payments", key: "p" }]));
    const text = await stream.until("payments");
    expect(text).not.toContain("secret");
    expect(text).not.toContain("desired");
    expect(text.match(/"key":"p"/g)).toHaveLength(1);
    const id = /^id: (.+)$/m.exec(text)?.[1] ?? "";
    await stream.cancel();
    await transact(test.db, (tx) => recordChanges(tx, [{ topic: "fleet", serviceName: "payments", key: "missed" }]));
    const again = await open(ctx, { "last-event-id": id });
    expect(await again.until("missed")).not.toContain("reset");
    await again.cancel();
    const lost = await open(ctx, { "last-event-id": "1.1.1" });
    expect(await lost.until("reset")).toContain("event: reset");
    await lost.cancel();
  });

  it("ends when the token that opened it is revoked, before its next beat", async () => {
    const bearer = await test.bearer("viewer");
    const request = new Request("http://127.0.0.1:4600/api/v1/events", { headers: bearer });
    const stream = await open({ ...(await test.ctx("viewer")), actor: await authenticateCaller(test.app, request) }, bearer);
    await stream.until("hello");
    const [token] = await test.db.$queryRaw<{ id: string }[]>`SELECT id::text FROM api_tokens ORDER BY created_at DESC LIMIT 1`;
    await revokeToken({ ctx: await test.ctx("admin"), input: { id: token?.id ?? "" } });
    expect(await stream.until("event: beat")).not.toContain("event: beat");
  });

  it("refuses an actor without roles, and too many streams of one", async () => {
    await expect(open(await test.ctxWith([]))).rejects.toMatchObject({ kind: "forbidden" });
    const ctx = await test.ctx("viewer");
    const streams = await Promise.all(Array.from({ length: 60 }, () => open(ctx)));
    await expect(open(ctx)).rejects.toMatchObject({ kind: "rate-limited" });
    await Promise.all(streams.map((stream) => stream.cancel()));
    await (await open(ctx)).cancel();
  });
});
