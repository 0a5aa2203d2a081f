import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";

let test: TestApp;
beforeAll(async () => {
  test = await createTestApp();
});
afterAll(() => test.drop());

/** Table and its columns, as prisma/schema.prisma names them. */
function describedColumns(): Map<string, string[]> {
  const schema = readFileSync("prisma/schema.prisma", "utf8");
  const models = [...schema.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, name = "", body = ""]) => ({ name, body }));
  const names = new Set(models.map(({ name }) => name));
  return new Map(
    models.map(({ name, body }) => {
      const fields = body.split("\n").flatMap((line) => {
        const [field, type] = line.trim().split(/\s+/);
        if (!field || !type || field.startsWith("@@") || field.startsWith("//") || names.has(type.replace(/[?[\]]/g, ""))) return [];
        return [/@map\("([^"]+)"\)/.exec(line)?.[1] ?? field];
      });
      return [/@@map\("([^"]+)"\)/.exec(body)?.[1] ?? name, fields.sort()];
    }),
  );
}

it("describes every table and column that the migrations make, and no other", async () => {
  const rows = await test.db.$queryRaw<{ table: string; columns: string[] }[]>`
    SELECT c.relname::text AS table, array_agg(a.attname::text) AS columns FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> '_prisma_migrations' GROUP BY c.relname`;
  const actual = Object.fromEntries(rows.map(({ table, columns }) => [table, columns.sort()]).sort());
  expect(Object.fromEntries([...describedColumns()].sort())).toEqual(actual);
});

it("keeps the ledger append-only for the application, by right and by trigger", async () => {
  for (const statement of ["UPDATE ledger_entries SET type = 'x'", "DELETE FROM ledger_entries", "TRUNCATE ledger_entries CASCADE", "UPDATE ledger_checkpoints SET note = ''", "DELETE FROM ledger_nodes", "DELETE FROM ledger_head"]) {
    await expect(test.db.$executeRawUnsafe(statement), statement).rejects.toThrow();
  }
  const owner = await test.asOwner();
  for (const statement of ["UPDATE ledger_entries SET type = 'x'", "DELETE FROM ledger_entries", "TRUNCATE ledger_entries CASCADE", "UPDATE ledger_head SET size = 0", "UPDATE ledger_texts SET text = 'x'", "DELETE FROM ledger_texts"]) {
    if (statement.includes("ledger_texts") && (await owner.query("SELECT FROM ledger_texts")).rowCount === 0) continue;
    await expect(owner.query(statement), statement).rejects.toThrow(/append-only|forward|redacted/);
  }
  await owner.end();
});

it("keeps what rows name that are written without a look at it", async () => {
  for (const table of ["releases", "ledger_entries", "rollouts", "images", "combinations", "agent_scopes", "targets", "waves"]) {
    await expect(test.db.$executeRawUnsafe(`DELETE FROM ${table}`), table).rejects.toThrow(/permission denied/);
  }
});

it("lets the verifier read the ledger and nothing else", async () => {
  const owner = await test.asOwner();
  await owner.query("SET ROLE plumbline_verifier");
  expect((await owner.query("SELECT seq FROM ledger_entries")).rowCount).toBeGreaterThan(0);
  await expect(owner.query("SELECT FROM actors")).rejects.toThrow(/permission denied/);
  await expect(owner.query("INSERT INTO ledger_checkpoints (epoch, size, root, note) VALUES (1, 1, '', '')")).rejects.toThrow(/permission denied/);
  await owner.end();
});
