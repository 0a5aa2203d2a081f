import { describe, expect, it } from "vitest";
import { needsOwnTransaction, planMigrations, readMigrations } from "./migrate.mjs";

const file = (name: string) => ({ name, sql: "", checksum: `sum of ${name}` });
const row = (name: string, change = {}) => ({ migration_name: name, checksum: `sum of ${name}`, finished_at: new Date(0), rolled_back_at: null, logs: null, ...change });

describe("planMigrations", () => {
  const files = [file("0001_a"), file("0002_b"), file("0003_c")];

  it("applies what is missing, in order", () => {
    expect(planMigrations(files, []).map(({ name }) => name)).toEqual(["0001_a", "0002_b", "0003_c"]);
    expect(planMigrations(files, [row("0001_a")]).map(({ name }) => name)).toEqual(["0002_b", "0003_c"]);
  });

  it("applies again what was marked as rolled back", () => {
    expect(planMigrations(files, [row("0001_a", { finished_at: null, rolled_back_at: new Date(0) })])[0]?.name).toBe("0001_a");
  });

  it.each([
    ["changed", row("0001_a", { checksum: "other" }), /was changed after it had been applied.*git checkout/s],
    ["failed", row("0001_a", { finished_at: null, logs: "division by zero" }), /did not finish.*division by zero.*DELETE FROM _prisma_migrations/s],
    ["unknown", row("0009_z"), /a newer version has used it/],
  ])("refuses one that is %s, with the fix in words", (_, applied, message) => {
    expect(() => planMigrations(files, [applied])).toThrow(message);
  });
});

describe("needsOwnTransaction", () => {
  it.each([
    ["CREATE INDEX CONCURRENTLY a ON b (c);", true],
    ["-- not concurrently\nCREATE INDEX a ON b (c);", false],
    ["/* concurrently */ CREATE INDEX a ON b (c);", false],
  ])("%s: %s", (sql, own) => expect(needsOwnTransaction(sql)).toBe(own));
});

describe("readMigrations", () => {
  it("finds this checkout's, sorted, none of them needing a transaction of its own beside other statements", () => {
    const migrations = readMigrations();
    expect(migrations.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name).sort());
    expect(migrations.length).toBeGreaterThan(0);
    for (const { sql } of migrations.filter((migration) => needsOwnTransaction(migration.sql))) {
      expect(sql.split(";").filter((statement) => /\S/.test(statement.replace(/--.*$/gm, "")))).toHaveLength(1);
    }
  });
});
