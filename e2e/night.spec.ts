import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeImage, expect, expectAccessible, runCli, setup, test, url } from "./fixtures";

const SERVICES = ["night-pay", "night-ledger"] as const;
const ENVIRONMENT = "production";
const PAGE = `/p/${SERVICES[0]}/${ENVIRONMENT}`;
const SAME_ORIGIN = () => ({ origin: url(), "sec-fetch-site": "same-origin" });

test.describe.configure({ mode: "serial" });

const simulations: ChildProcess[] = [];
let folder = "";
/** A moment at which both services ran 1.0.0. */
let before = "";

/** `plumbline …` as CI would, which must work. */
async function mustRun(...args: string[]): Promise<void> {
  const result = await runCli(args, { PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token });
  expect(result.code, `plumbline ${args.join(" ")}: ${result.stderr}`).toBe(0);
}

// Two services, each on a simulated host: both went from 1.0.0 to 1.1.0.
test.beforeAll(async ({ playwright }) => {
  folder = mkdtempSync(join(tmpdir(), "plumbline-night-"));
  const ci = await playwright.request.newContext({ extraHTTPHeaders: { authorization: `Bearer ${setup().token}` } });
  const person = await playwright.request.newContext({ storageState: "test-results/.signed-in.json", extraHTTPHeaders: SAME_ORIGIN() });
  await mustRun("pool", "create", "pool-night", "--environment", ENVIRONMENT);
  for (const service of SERVICES) {
    const repository = `registry.example/shop/${service}`;
    for (const version of ["1.0.0", "1.1.0"]) {
      const image = makeImage(repository, version);
      const components = [{ name: "main", repository, digest: image.digest, manifests: [{ bytes: Buffer.from(image.manifest).toString("base64") }] }];
      const registered = await ci.post(`${url()}/api/v1/releases`, { data: { service, version, components, migrations: [] } });
      expect(registered.ok(), await registered.text()).toBe(true);
      const approved = await person.post(`${url()}/api/v1/approvals`, { data: { service, version, environment: ENVIRONMENT } });
      expect(approved.ok(), await approved.text()).toBe(true);
    }
    const args = ["simulate", "--pool", "pool-night", "--hosts", "1", "--instances", "2", "--service", service, "--repository", repository, "--release", "1.0.0", "--interval", "1", "--state", join(folder, service)];
    simulations.push(spawn(process.execPath, [resolve("dist/plumbline.mjs"), ...args], { env: { ...process.env, PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token }, stdio: "ignore" }));
    await mustRun("promote", service, ENVIRONMENT, "1.0.0", "--wait");
  }
  before = new Date().toISOString();
  for (const service of SERVICES) await mustRun("promote", service, ENVIRONMENT, "1.1.0", "--wait");
  await Promise.all([ci.dispose(), person.dispose()]);
});

test.afterAll(async () => {
  for (const child of simulations) {
    if (child.exitCode !== null) continue;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill();
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

test("the pager's link survives signing in, with its incident and its moment", async ({ browser }) => {
  // A new context would bring the project's session along.
  const context = await browser.newContext({ storageState: { cookies: [], origins: [] } });
  const page = await context.newPage();
  await page.goto(`${url()}${PAGE}?incident=INC-2207&at=${encodeURIComponent(before)}`);
  await expect(page).toHaveURL(/\/sign-in/);
  await page.getByLabel("E-mail").fill("ines@shop.example");
  await page.getByLabel("Password").fill("a long enough password");
  await page.getByRole("button", { name: /sign in/i }).click();
  await expect(page).toHaveURL(new RegExp(`${PAGE}\\?incident=INC-2207&at=`));
  await expect(page.getByText("INC-2207").first()).toBeVisible();
  await context.close();
});

test("on a phone: what changed, who else changed, and targets for a thumb", async ({ page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${url()}${PAGE}?incident=INC-2207`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(`${SERVICES[0]} 1.1.0`);
  const rollBack = page.getByRole("link", { name: "Roll back to 1.0.0" });
  await expect(rollBack).toBeInViewport();
  await expect(page.getByRole("link", { name: `Roll back ${SERVICES[1]} in ${ENVIRONMENT}` })).toBeVisible();
  for (const target of await page.getByRole("main").getByRole("link").all()) {
    const box = await target.boundingBox();
    if (box) expect(box.height, await target.innerText()).toBeGreaterThanOrEqual(43.5);
  }
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
});

test("one tap opens the rollback with the incident written in it; Back closes it", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${url()}${PAGE}?incident=INC-2207`);
  await page.getByRole("link", { name: "Roll back to 1.0.0" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel(/reason/i)).toHaveValue(/INC-2207/);
  await expect(dialog.getByLabel(/incident/i)).toHaveValue("INC-2207");
  await page.goBack();
  await expect(dialog).toBeHidden();
  await expect(page).toHaveURL(new RegExp(`${PAGE}\\?incident=INC-2207$`));
});

test("an environment goes back to a moment: two services, one name typed, one hold, one receipt", async ({ page }) => {
  await page.goto(`${url()}/rollouts/groups/new?kind=as-of&environment=${ENVIRONMENT}`);
  await page.getByLabel("As it was at, UTC").fill(before);
  await page.getByLabel("As it was at, UTC").press("Enter");
  for (const service of SERVICES) await expect(page.getByRole("row").filter({ hasText: service }).getByRole("checkbox")).toBeChecked();
  // Other tests' services share this environment: they stay as they are.
  for (const row of await page.getByRole("row").filter({ has: page.getByRole("checkbox", { checked: true }) }).all()) {
    if (!/night-(pay|ledger)/.test(await row.innerText())) await row.getByRole("checkbox").uncheck();
  }
  await expectAccessible(page);
  await page.getByLabel(/^Reason/).fill("INC-2207");
  const hold = page.getByRole("button", { name: /hold to roll back 2 places/i });
  await expect(hold).toHaveAttribute("aria-disabled", "true");
  await page.getByLabel(new RegExp(`Type ${ENVIRONMENT}`)).fill(ENVIRONMENT);
  await hold.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/rollouts\/groups\/[0-9a-f-]{36}/);
  const rows = page.getByRole("table", { name: "Rollouts" }).getByRole("row").filter({ hasText: "rollback" });
  await expect(rows).toHaveCount(2);
  for (const service of SERVICES) await expect(rows.filter({ hasText: service })).toContainText("done");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("2 of 2");
  await expectAccessible(page);
});

test("the same page without a script, down to the rollback", async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, storageState: "test-results/.signed-in.json", viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  await page.goto(`${url()}${PAGE}?incident=INC-2208`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(SERVICES[0]);
  await page.getByRole("link", { name: /^Roll back/ }).first().click();
  await expect(page.getByLabel(/reason/i)).toHaveValue(/INC-2208/);
  await expect(page.getByLabel(/incident/i)).toHaveValue("INC-2208");
  const typed = page.getByLabel(/type/i);
  if (await typed.isVisible()) await typed.fill(SERVICES[0]);
  await page.getByRole("button", { name: /roll back to 1\.1\.0/i }).click();
  await expect(page).toHaveURL(/\/rollouts\/[0-9a-f-]{36}/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("1.1.0");
  await context.close();
});
