import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { confirmRollback } from "./confirm-rollback";
import { outlastWatch } from "./outlast-watch";
import { expect, expectAccessible, runCli, test, url } from "./fixtures";

/** A program that says its version and then waits; its own bytes are its identity. */
const program = (version: string) => `#!/bin/sh\n# payments ${version}\nwhile true; do sleep 1; done\n`;

test("plain processes: drift is seen, one click rolls back, the next report proves it", async ({ page, plumbline, plumblineJson, startHost, folder, asPerson }) => {
  const root = join(folder, "apps");
  mkdirSync(join(root, "targets"), { recursive: true });
  const digests: Record<string, string> = {};
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
    const file = join(folder, `payments-${version}`);
    writeFileSync(file, program(version));
    chmodSync(file, 0o755);
    digests[version] = (await runCli(["processes", "add", "--root", root, file])).stdout.trim();
    if (version !== "1.2.0") await plumblineJson("release", "register", "ledger-api", version, `file:${file}`);
  }
  writeFileSync(join(root, "targets", "ledger-api.json"), JSON.stringify({ service: "ledger-api", args: [], env: {} }));
  await asPerson(page).post("approvals", { service: "ledger-api", version: "1.0.0", environment: "production" });

  expect((await runCli(["processes", "replace", "--root", root, "--target", "ledger-api", "--digest", digests["1.0.0"] ?? ""])).code).toBe(0);
  const list = `"${process.execPath}" "${join(process.cwd(), "dist/plumbline.mjs")}" processes list --root "${root}"`;
  const replace = `"${process.execPath}" "${join(process.cwd(), "dist/plumbline.mjs")}" processes replace --root "${root}"`;
  const host = await startHost({ environment: "production", name: "vm-1", runtime: "exec", args: ["--act", "ledger-api*", "--list-command", list, "--replace-command", replace, "--poll-interval", "1"] });
  await expect.poll(async () => (await plumbline("status", "ledger-api", "production")).stdout, { timeout: 30_000 }).toContain("ledger-api");
  await plumblineJson("promote", "ledger-api", "production", "1.0.0", "--wait");
  await expect.poll(async () => (await plumbline("status", "ledger-api", "production")).code).toBe(0);

  // Somebody starts the newer one by hand, again and again: registered, but never approved for production.
  await outlastWatch({ page, asPerson, host, service: "ledger-api", change: () => runCli(["processes", "replace", "--root", root, "--target", "ledger-api", "--digest", digests["1.1.0"] ?? ""]) });
  await page.goto(`${url()}/drift?service=ledger-api`);
  await expect(page.getByText(/not approved for production/i).first()).toBeVisible();
  expect((await plumbline("status", "ledger-api", "production")).code).toBe(2);
  // Then one that the ledger has never seen.
  await runCli(["processes", "replace", "--root", root, "--target", "ledger-api", "--digest", digests["1.2.0"] ?? ""]);
  await expect(page.getByText(/unknown bytes run as ledger-api/i).first()).toBeVisible();
  await expectAccessible(page);

  await page.goto(`${url()}/services/ledger-api`);
  await page.getByRole("button", { name: /roll back/i }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/reason/i).fill("Started by hand");
  await confirmRollback(dialog, page, "ledger-api");
  await expect(dialog.getByRole("listitem").filter({ hasText: "Done, done" })).toBeVisible({ timeout: 60_000 });

  expect(readFileSync(join(root, "releases", (digests["1.0.0"] ?? "").replace(":", "-"), "run"), "utf8")).toBe(program("1.0.0"));
  const running = (await runCli(["processes", "list", "--root", root])).stdout;
  expect(running).toContain(digests["1.0.0"]);
  await expect.poll(async () => (await plumbline("status", "ledger-api", "production")).code).toBe(0);
  await page.goto(`${url()}/drift?service=ledger-api`);
  await expect(page.getByText(/all clear|no matches|nothing deviates/i).first()).toBeVisible();
  await runCli(["processes", "replace", "--root", root, "--target", "ledger-api", "--digest", ""]);
});
