import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStack, type Stack } from "../scripts/lib/stack.mjs";
import { expect, runCli, test } from "./fixtures";

/** A server of its own: its processes are killed. */
test.describe("kill -9", () => {
  test.describe.configure({ timeout: 300_000 });
  let stack: Stack;
  let folder: string;
  test.beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "plumbline-kill-"));
    stack = await startStack({ dataDir: join(folder, "data") });
  });
  test.afterAll(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("of web, worker and database in turn loses nothing that was acknowledged, and the ledger verifies", async () => {
    const env = { PLUMBLINE_URL: stack.url, PLUMBLINE_TOKEN: stack.setup?.token ?? "" };
    const acknowledged: string[] = [];
    const register = async (version: string): Promise<void> => {
      const file = join(folder, `app-${version}`);
      writeFileSync(file, `app ${version}`);
      const result = await runCli(["release", "register", "app", version, `file:${file}`], env);
      if (result.code === 0) acknowledged.push(version);
    };
    await register("1.0.0");
    for (const [round, victim] of ["web", "worker", "postgres", "web", "postgres"].entries()) {
      const pid = stack.pids[victim];
      const writing = Promise.all(Array.from({ length: 5 }, (_, index) => register(`2.${round}.${index}`)));
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      await writing;
      await expect.poll(async () => (await fetch(`${stack.url}/api/health/ready`).catch(() => null))?.status, { timeout: 60_000 }).toBe(200);
      // Whoever was refused in between may try again under the same content.
      await register(`3.${round}.0`);
    }
    const listed = await runCli(["release", "list", "app", "--limit", "200", "--json"], env);
    const versions = (JSON.parse(listed.stdout) as { items: { version: string }[] }).items.map((item) => item.version);
    expect(acknowledged.length).toBeGreaterThan(5);
    expect(versions).toEqual(expect.arrayContaining(acknowledged));

    const key = JSON.parse((await runCli(["ledger", "key", "--json"], env)).stdout) as { vkey: string };
    const exported = (await runCli(["ledger", "export"], env)).stdout;
    const file = join(folder, "export.ndjson");
    writeFileSync(file, exported);
    const verified = await runCli(["ledger", "verify", file, "--vkey", key.vkey], {});
    expect(verified.stdout + verified.stderr).toContain("verifies");
    expect(verified.code).toBe(0);

    // One changed byte is found and named.
    const lines = exported.split("\n");
    const entry = JSON.parse(lines[2] ?? "{}") as { index: number; bytes: string; leaf: string };
    const bytes = Buffer.from(entry.bytes, "base64");
    bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
    lines[2] = JSON.stringify({ ...entry, bytes: bytes.toString("base64"), leaf: createHash("sha256").update(Buffer.concat([Buffer.from([0]), bytes])).digest("hex") });
    writeFileSync(file, lines.join("\n"));
    const tampered = await runCli(["ledger", "verify", file, "--vkey", key.vkey], {});
    expect(tampered.code).toBe(1);
    expect(tampered.stdout + tampered.stderr).toMatch(/index: ?\d+|entry \d+/i);
  });
});
