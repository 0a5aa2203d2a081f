import { randomBytes } from "node:crypto";
import { appendHmac } from "@/lib/domain/ledger/append-hmac";
import type { JsonObject } from "@/lib/domain/ledger/canonical-json";
import { encodeEntry, textHash, type EntryScope, type EntryType } from "@/lib/domain/ledger/entry";
import { appendLeaf, leafHash } from "@/lib/domain/ledger/merkle";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { AppError } from "@/server/errors";
import { refuseOlderLedger } from "./checkpoint-file";
import { refuseSecrets } from "./refuse-secrets";

export type NewEntry = {
  type: EntryType;
  serviceId?: string | null;
  environmentId?: string | null;
  /** Names as they were at that time, null for what the entry is not bound to. */
  scope: EntryScope;
  payload: JsonObject;
  /** Free text, kept beside the entry and redactable; the payload gets `<field>Hash` = SHA-256(salt ‖ text), hex. */
  texts?: Record<string, string | undefined>;
};

type Head = { origin: string; size: bigint; frontier: string[]; at: Date };

/**
 * Appends one entry to the ledger inside the caller's transaction. It locks the head row, which serialises every
 * decision of the installation: call it last, and let nothing but inserts that need its number follow.
 * @returns the entry's index and its time (the database's, taken after the lock and never running backwards)
 * @throws AppError unprocessable when a text looks like it holds a secret; unavailable when there is no ledger yet, or an older one
 */
export async function appendEntry(tx: Tx, ctx: Ctx, entry: NewEntry): Promise<{ seq: bigint; at: Date }> {
  const texts = Object.entries(entry.texts ?? {}).flatMap(([field, text]) => {
    if (text === undefined) return [];
    const salt = randomBytes(32);
    return [{ field, text, salt, hash: textHash(salt, text) }];
  });
  refuseSecrets(Object.fromEntries(texts.map(({ field, text }) => [field, text])));

  // The outer query reads the clock when the lock is held: a plain SELECT … FOR UPDATE would read it before waiting.
  const [head] = await tx.$queryRaw<Head[]>`
    /* prepared: ledger-lock */ WITH head AS MATERIALIZED (SELECT origin, size, frontier, last_at FROM ledger_head FOR UPDATE)
    SELECT origin, size, ARRAY(SELECT encode(node, 'hex') FROM unnest(frontier) WITH ORDINALITY n(node, place) ORDER BY place) AS frontier,
      greatest(date_trunc('milliseconds', clock_timestamp()), last_at) AS at
    FROM head`;
  if (!head) throw new AppError("unavailable", "The ledger is not open yet.");
  refuseOlderLedger(ctx.config, Number(head.size));

  const payload = { ...entry.payload, ...Object.fromEntries(texts.map(({ field, hash }) => [`${field}Hash`, hash])) };
  const bytes = encodeEntry({
    v: 1,
    ledger: head.origin,
    seq: Number(head.size),
    type: entry.type,
    at: head.at.toISOString(),
    actor: ctx.actor.id,
    scope: entry.scope,
    payload,
  });
  const leaf = leafHash(bytes);
  const next = appendLeaf(head.frontier.map((node) => Buffer.from(node, "hex")), Number(head.size), leaf);
  const hex = (hash: Uint8Array): string => Buffer.from(hash).toString("hex");

  // One statement, one round trip under the lock. The head moves only after its row is in: the update reads from it.
  await tx.$executeRaw`
    /* prepared: ledger-append */ WITH entry AS (
      INSERT INTO ledger_entries (seq, type, at, actor_id, service_id, environment_id, bytes, leaf_hash, hmac)
      VALUES (${head.size}, ${entry.type}, ${head.at}, ${ctx.actor.id}::uuid, ${entry.serviceId ?? null}::uuid, ${entry.environmentId ?? null}::uuid,
        ${bytes}, ${leaf}, ${appendHmac(ctx.keys.appendKey, bytes)})
      RETURNING seq
    ), nodes AS (
      INSERT INTO ledger_nodes (level, index, hash)
      SELECT level, index, decode(hash, 'hex')
      FROM unnest(${next.nodes.map((node) => node.level)}::int[], ${next.nodes.map((node) => node.index)}::bigint[], ${next.nodes.map((node) => hex(node.hash))}::text[]) n(level, index, hash)
    ), texts AS (
      INSERT INTO ledger_texts (entry_seq, field, salt, text, hash)
      SELECT entry.seq, field, decode(salt, 'hex'), text, decode(hash, 'hex')
      FROM entry, unnest(${texts.map(({ field }) => field)}::text[], ${texts.map(({ salt }) => hex(salt))}::text[], ${texts.map(({ text }) => text)}::text[], ${texts.map(({ hash }) => hash)}::text[]) t(field, salt, text, hash)
    ), pointer AS (
      INSERT INTO changes (topic, service_id, service_name, environment_id, key)
      VALUES ('ledger', ${entry.serviceId ?? null}::uuid, ${entry.scope.service}, ${entry.environmentId ?? null}::uuid, ${head.size.toString()})
    )
    UPDATE ledger_head SET size = entry.seq + 1, last_at = ${head.at},
      frontier = ARRAY(SELECT decode(node, 'hex') FROM unnest(${next.frontier.map(hex)}::text[]) WITH ORDINALITY n(node, place) ORDER BY place)
    FROM entry`;
  return { seq: head.size, at: head.at };
}
