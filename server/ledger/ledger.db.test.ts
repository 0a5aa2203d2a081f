import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogVerifier } from "@/lib/domain/ledger/verify-log";
import { systemContext, type Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { appendEntry } from "./append-entry";
import { checkpointPath } from "./checkpoint-file";
import { exportLedger, listEntries } from "./read-ledger";
import { signCheckpoint } from "./sign-checkpoint";
import { serverVkey } from "./signing-key";

const NOTHING = { service: null, environment: null };

async function append(ctx: Ctx, note?: string): Promise<bigint> {
  const { seq } = await transact(ctx.db, (tx) => appendEntry(tx, ctx, { type: "user-created", scope: NOTHING, payload: { n: 1 }, texts: { note } }));
  return seq;
}

async function verify(ctx: Ctx, previousCheckpoint?: string) {
  const text = await new Response(await exportLedger({ ctx })).text();
  const verifier = createLogVerifier({ vkey: serverVkey(ctx.keys), ...(previousCheckpoint !== undefined && { previousCheckpoint }) });
  for (const line of text.trimEnd().split("\n")) verifier.line(JSON.parse(line));
  return verifier.finish();
}

async function tamper(test: TestApp, ...statements: string[]): Promise<void> {
  const owner = await test.asOwner();
  try {
    await owner.query("SET session_replication_role = replica");
    for (const statement of statements) await owner.query(statement);
  } finally {
    await owner.end();
  }
}

describe("the ledger", () => {
  let test: TestApp;
  let ctx: Ctx;
  beforeAll(async () => {
    test = await createTestApp();
    ctx = systemContext(test.app);
  });
  afterAll(() => test.drop());

  it("opens once, with the default environments, and its checkpoint covers it", async () => {
    const checkpoint = await signCheckpoint(test.app);
    expect(checkpoint?.size).toBe(4);
    expect(await signCheckpoint(test.app)).toEqual(checkpoint);
    expect(readFileSync(checkpointPath(test.app.config), "utf8")).toBe(checkpoint?.note);
    expect(await verify(ctx)).toMatchObject({ ok: true, size: 4, withheld: 0 });
  });

  it("appends from many writers without a gap, and verifies against an older checkpoint", async () => {
    const before = await signCheckpoint(test.app);
    await Promise.all(Array.from({ length: 60 }, () => append(ctx, "a reason")));
    const rows = await test.db.$queryRaw<{ seq: bigint }[]>`SELECT seq FROM ledger_entries ORDER BY seq`;
    expect(rows.map(({ seq }) => Number(seq))).toEqual(rows.map((_, at) => at));
    expect(await verify(ctx, before?.note)).toMatchObject({ ok: true, size: 64 });
  });

  it("keeps text beside the entry, as a hash inside it, and leaves nothing of an aborted decision", async () => {
    const seq = await append(ctx, "because of the outage");
    const [text] = await test.db.$queryRaw<{ text: string; hash: Uint8Array }[]>`SELECT text, hash FROM ledger_texts WHERE entry_seq = ${seq}`;
    const { items } = await listEntries({ ctx, input: { from: Number(seq), limit: 1 } });
    const bytes = Buffer.from(items[0]?.bytes ?? "", "base64").toString();
    expect(text?.text).toBe("because of the outage");
    expect(bytes).toContain(Buffer.from(text?.hash ?? []).toString("hex"));
    expect(bytes).not.toContain("outage");
    await expect(
      transact(test.db, async (tx) => {
        await appendEntry(tx, ctx, { type: "user-created", scope: NOTHING, payload: {} });
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await append(ctx)).toBe(seq + 1n);
  });

  it.each([
    "-----BEGIN RSA PRIVATE KEY-----\nabc",
    "key AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "plt_0123456789012345678901234567890123456789012",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "postgres://user:hunter2@host/db",
  ])("refuses a text that looks like a secret: %s", async (secret) => {
    const count = () => test.db.$queryRaw<{ n: bigint }[]>`SELECT count(*) AS n FROM ledger_entries`;
    const before = await count();
    await expect(append(ctx, secret)).rejects.toMatchObject({ kind: "unprocessable", extras: { type: "secret-in-text" } });
    expect(await count()).toEqual(before);
  });

  it("shows only the leaf to whoever has no right to an entry's scope", async () => {
    await transact(test.db, (tx) => appendEntry(tx, ctx, { type: "user-created", scope: { service: "payments", environment: "production" }, payload: {} }));
    const viewer = await test.ctxWith([{ role: "viewer", service: "web", environment: "*", expiresAt: null }]);
    const { items } = await listEntries({ ctx: viewer, input: { from: 0, limit: 500 } });
    expect(items.at(-1)).toMatchObject({ bytes: null });
    expect(items.at(-1)?.leaf).toHaveLength(64);
    await expect(exportLedger({ ctx: viewer })).rejects.toMatchObject({ kind: "forbidden" });
  });

  it("refuses UPDATE, DELETE and TRUNCATE, also to the owner", async () => {
    const owner = await test.asOwner();
    for (const statement of ["UPDATE ledger_entries SET type = 'x' WHERE seq = 1", "DELETE FROM ledger_entries", "TRUNCATE ledger_entries CASCADE", "DELETE FROM ledger_head", "UPDATE ledger_nodes SET index = 9"]) {
      await expect(owner.query(statement)).rejects.toThrow(/append-only|refused/);
      await expect(test.db.$executeRawUnsafe(statement)).rejects.toThrow();
    }
    await owner.end();
  });
});

describe("a database that somebody wrote to", () => {
  let test: TestApp;
  let ctx: Ctx;
  beforeAll(async () => {
    test = await createTestApp();
    ctx = systemContext(test.app);
    for (let n = 0; n < 6; n += 1) await append(ctx);
    await signCheckpoint(test.app);
  });
  afterAll(() => test.drop());

  it("signs nothing over an entry that lacks the HMAC, however well-formed", async () => {
    const [head] = await test.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`;
    const forger = systemContext({ ...test.app, keys: { ...test.app.keys, appendKey: new Uint8Array(32).fill(7) } });
    await append(forger);
    await expect(signCheckpoint(test.app)).rejects.toMatchObject({ kind: "unavailable", extras: { type: "ledger-unsigned-entry" } });
    await append(ctx);
    await expect(signCheckpoint(test.app)).rejects.toThrow(`Entry ${head?.size}`);
    const [newest] = await test.db.$queryRaw<{ size: bigint }[]>`SELECT max(size) AS size FROM ledger_checkpoints`;
    expect(newest?.size).toBe(head?.size);
  });

  it("names the entry whose bytes a superuser edited", async () => {
    await tamper(test, "UPDATE ledger_entries SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), '\"n\":1', '\"n\":2'), 'UTF8'), leaf_hash = sha256('\\x00'::bytea || convert_to(replace(convert_from(bytes, 'UTF8'), '\"n\":1', '\"n\":2'), 'UTF8')) WHERE seq = 5");
    const kept = readFileSync(checkpointPath(test.app.config), "utf8");
    const verdict = await verify(ctx);
    expect(verdict.ok).toBe(false);
    expect(verdict.firstBadIndex).toBeLessThanOrEqual(5);
    expect(await verify(ctx, kept)).toMatchObject({ ok: false });
  });
});

describe("a database that was put back", () => {
  let test: TestApp;
  let ctx: Ctx;
  beforeAll(async () => {
    test = await createTestApp();
    ctx = systemContext(test.app);
  });
  afterAll(() => test.drop());

  it("is read-only while the checkpoint file is ahead, and goes on when the newer database is back", async () => {
    await signCheckpoint(test.app);
    const file = checkpointPath(test.app.config);
    const older = join(dirname(file), "older");
    mkdirSync(dirname(older), { recursive: true });
    copyFileSync(file, older);
    await append(ctx);
    await append(ctx);
    await signCheckpoint(test.app);
    await tamper(
      test,
      "DELETE FROM ledger_checkpoints WHERE size > 4",
      "DELETE FROM ledger_entries WHERE seq >= 4",
      "DELETE FROM ledger_nodes WHERE index >= (4 >> level)",
      "UPDATE ledger_head SET size = 4, frontier = (SELECT array_agg(hash) FROM ledger_nodes WHERE level = 2 AND index = 0)",
    );
    await expect(append(ctx)).rejects.toMatchObject({ kind: "unavailable", extras: { type: "ledger-behind-file" } });
    await expect(signCheckpoint(test.app)).rejects.toMatchObject({ extras: { type: "ledger-behind-file" } });
    copyFileSync(older, file);
    await append(ctx);
    expect((await signCheckpoint(test.app))?.size).toBe(5);
  });

  it("signs nothing over a history that is not the one that was signed", async () => {
    await tamper(test, "UPDATE ledger_nodes SET hash = sha256('rewritten') WHERE level = 2 AND index = 0");
    await append(ctx);
    await expect(signCheckpoint(test.app)).rejects.toMatchObject({ extras: { type: "ledger-diverged" } });
  });
});
