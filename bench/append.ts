import { createHmac, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ed25519 } from "@noble/curves/ed25519.js";
import { Client, Pool } from "pg";
import { encodeEntry } from "@/lib/domain/ledger/entry";
import { appendLeaf, leafHash, type Hash } from "@/lib/domain/ledger/merkle";
import { readConfig } from "@/server/config";
import { SYSTEM_ACTOR_ID, systemContext, type App } from "@/server/context";
import { openDatabase, transact } from "@/server/db";
import { appendEntry } from "@/server/ledger/append-entry";
import { ensureGenesis } from "@/server/ledger/genesis";
import { loadKeys } from "@/server/ledger/keys";
import { createLog } from "@/server/log";
import { report } from "./report";
import { startThrowawayDatabase } from "../scripts/lib/embedded-postgres.mjs";
import { migrate } from "../scripts/migrate.mjs";

const WRITERS = 8;
const RUN_MS = 4_000;
const RUNS = 3;
const BATCH = 4_000;

/**
 * Ledger appends a second with 8 writers, at 1 k and 1 M entries, on a durable embedded database, against the plainest
 * thing that could do the same: lock a row, insert, commit. The sizes may be given: `append 1000 1000000`.
 */
export async function run({ args }: { args: string[] }): Promise<void> {
  const sizes = args.length > 0 ? args.map(Number) : [1_000, 1_000_000];
  const database = await startThrowawayDatabase({ settings: {} });
  const dataDir = mkdtempSync(join(tmpdir(), "plumbline-bench-"));
  try {
    await migrate({ url: database.url("owner") });
    await database.openRoles();
    const config = readConfig({ DATABASE_URL: database.url("app"), PLUMBLINE_DATA: dataDir, PLUMBLINE_LOG_LEVEL: "silent", PLUMBLINE_DATABASE_POOL: String(WRITERS) });
    const app: App = { config, db: openDatabase(config.databaseUrl, { poolSize: WRITERS }), keys: loadKeys(config.keysDir, (seed) => ed25519.getPublicKey(seed)), log: createLog("bench", "silent") };
    const plain = new Pool({ connectionString: database.url("owner"), max: WRITERS });
    try {
      await ensureGenesis(app);
      await plain.query("CREATE TABLE plain_head (id int PRIMARY KEY, size bigint NOT NULL); INSERT INTO plain_head VALUES (1, 0); CREATE TABLE plain_entries (seq bigint PRIMARY KEY, bytes bytea NOT NULL)");
      for (const size of sizes) {
        await fillTo(app, database.url("owner"), size);
        await measure(app, plain, size);
      }
    } finally {
      await plain.end();
      await app.db.$disconnect();
    }
  } finally {
    await database.stop();
    database.removeFiles();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Ours and the limit in turns, so that a noisy machine hits both. The median of the runs counts. */
async function measure(app: App, plain: Pool, size: number): Promise<void> {
  const ours: number[] = [];
  const limit: number[] = [];
  for (let turn = 0; turn < RUNS; turn += 1) {
    limit.push(await perSecond(() => appendPlain(plain)));
    ours.push(await perSecond(() => append(app)));
  }
  const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  report({ bench: "append", metric: `appends_per_second_at_${size}`, value: median(ours), unit: "1/s", limit: median(limit), ratio: median(ours) / median(limit), target: "ratio >= 0.5", runs: RUNS });
}

async function perSecond(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (performance.now() - started < RUN_MS) {
        await work();
        done += 1;
      }
    }),
  );
  return done / ((performance.now() - started) / 1_000);
}

const payload = () => ({ release: randomUUID(), version: "1.2.3", registered: 12, person: SYSTEM_ACTOR_ID });

async function append(app: App): Promise<void> {
  await transact(app.db, (tx) => appendEntry(tx, systemContext(app), { type: "release-approved", scope: { service: "payments", environment: "production" }, payload: payload() }));
}

async function appendPlain(plain: Pool): Promise<void> {
  const client = await plain.connect();
  try {
    await client.query("BEGIN");
    const { rows } = await client.query<{ size: string }>("SELECT size FROM plain_head WHERE id = 1 FOR UPDATE");
    const size = rows[0]?.size ?? "0";
    await client.query("WITH entry AS (INSERT INTO plain_entries VALUES ($1, $2) RETURNING seq) UPDATE plain_head SET size = entry.seq + 1 FROM entry", [size, Buffer.from(JSON.stringify(payload()))]);
    await client.query("COMMIT");
  } finally {
    client.release();
  }
}

/** Valid entries in bulk, as the ledger itself would have written them one by one. */
async function fillTo(app: App, ownerUrl: string, size: number): Promise<void> {
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await owner.query("SET session_replication_role = replica");
    const head = (await owner.query<{ size: string; frontier: Buffer[]; at: Date }>("SELECT size, frontier, last_at AS at FROM ledger_head")).rows[0];
    if (!head) throw new Error("no ledger");
    let tree: { frontier: Hash[]; size: number } = { frontier: head.frontier, size: Number(head.size) };
    while (tree.size < size) {
      const entries: { seq: number; bytes: string; leaf: string; hmac: string }[] = [];
      const nodes: { level: number; index: number; hash: string }[] = [];
      while (tree.size < size && entries.length < BATCH) {
        const bytes = encodeEntry({ v: 1, ledger: app.keys.origin, seq: tree.size, type: "release-approved", at: head.at.toISOString(), actor: SYSTEM_ACTOR_ID, scope: { service: "payments", environment: "production" }, payload: payload() });
        const leaf = leafHash(bytes);
        entries.push({ seq: tree.size, bytes: hex(bytes), leaf: hex(leaf), hmac: createHmac("sha256", app.keys.appendKey).update(bytes).digest("hex") });
        const next = appendLeaf(tree.frontier, tree.size, leaf);
        nodes.push(...next.nodes.map((node) => ({ level: node.level, index: node.index, hash: hex(node.hash) })));
        tree = next;
      }
      await owner.query(
        `INSERT INTO ledger_entries (seq, type, at, actor_id, bytes, leaf_hash, hmac)
         SELECT seq, 'release-approved', $5, $6, decode(bytes, 'hex'), decode(leaf, 'hex'), decode(hmac, 'hex') FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) e(seq, bytes, leaf, hmac)`,
        [entries.map(({ seq }) => seq), entries.map(({ bytes }) => bytes), entries.map(({ leaf }) => leaf), entries.map(({ hmac }) => hmac), head.at, SYSTEM_ACTOR_ID],
      );
      await owner.query("INSERT INTO ledger_nodes SELECT level, index, decode(hash, 'hex') FROM unnest($1::int[], $2::bigint[], $3::text[]) n(level, index, hash)", [nodes.map(({ level }) => level), nodes.map(({ index }) => index), nodes.map(({ hash }) => hash)]);
    }
    await owner.query("UPDATE ledger_head SET size = $1, frontier = $2", [tree.size, tree.frontier.map((node) => Buffer.from(node))]);
    await owner.query("VACUUM ANALYZE ledger_entries, ledger_nodes");
  } finally {
    await owner.end();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
