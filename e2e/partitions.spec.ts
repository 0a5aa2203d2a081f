import type { Page } from "@playwright/test";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeImage, expect, expectAccessible, runCli, setup, test, url } from "./fixtures";

const SERVICE = "tenancy";
const ENVIRONMENT = "dev";
const REPOSITORY = "registry.example/shop/tenancy";
const VERSIONS = ["1.0.0", "1.1.0"] as const;

test.describe.configure({ mode: "serial" });

let simulation: ChildProcess | null = null;
let folder = "";

/** `plumbline …` as CI would, which must work. */
async function mustRun(...args: string[]): Promise<void> {
  const result = await runCli(args, { PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token });
  expect(result.code, `plumbline ${args.join(" ")}: ${result.stderr}`).toBe(0);
}

// One service on three simulated hosts, each in a region of its own, moved on from 1.0.0 to 1.1.0.
test.beforeAll(async ({ playwright }) => {
  folder = mkdtempSync(join(tmpdir(), "plumbline-e2e-"));
  const ci = await playwright.request.newContext({ extraHTTPHeaders: { authorization: `Bearer ${setup().token}` } });
  for (const version of VERSIONS) {
    const image = makeImage(REPOSITORY, version);
    const release = { service: SERVICE, version, components: [{ name: "main", repository: REPOSITORY, digest: image.digest, manifests: [{ bytes: Buffer.from(image.manifest).toString("base64") }] }], migrations: [] };
    const registered = await ci.post(`${url()}/api/v1/releases`, { data: release });
    expect(registered.ok(), await registered.text()).toBe(true);
  }
  await ci.dispose();
  await mustRun("pool", "create", "pool-tenancy", "--environment", ENVIRONMENT);
  const args = ["simulate", "--pool", "pool-tenancy", "--hosts", "3", "--instances", "2", "--service", SERVICE, "--repository", REPOSITORY, "--release", "1.0.0", "--interval", "1", "--state", folder];
  simulation = spawn(process.execPath, [resolve("dist/plumbline.mjs"), ...args], { env: { ...process.env, PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token }, stdio: "ignore" });
  for (const version of VERSIONS) await mustRun("promote", SERVICE, ENVIRONMENT, version, "--strategy", "all-at-once", "--wait");
});

test.afterAll(async () => {
  const child = simulation;
  if (child && child.exitCode === null) {
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Every theme and size, without anything that scrolls sideways. */
async function expectGood(page: Page): Promise<void> {
  await page.emulateMedia({ reducedMotion: "reduce" });
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `scrolls sideways at ${width} px`).toBeLessThanOrEqual(0);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await test.step(`${width} px, ${colorScheme}`, () => expectAccessible(page));
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

async function choose(page: Page, place: string, item: string): Promise<void> {
  await page.getByLabel(`More for ${place}`, { exact: true }).click();
  await page.getByRole("button", { name: item, exact: true }).click();
}

test("a service is divided by region, after a look at what it does, and nothing starts to differ", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  await choose(page, `${SERVICE} in ${ENVIRONMENT}`, `Partitions of ${SERVICE} in ${ENVIRONMENT}`);
  const dialog = page.getByRole("dialog");
  const lines = dialog.getByLabel(/one a line/i);
  await lines.fill("eu");
  await expect(dialog.getByText("Line 1 is no partition").first()).toBeVisible();
  await lines.fill("eu region=eu-*\nus region=us-*\nmars region=mars");
  await dialog.getByRole("button", { name: "Look at what it does" }).click();
  await expect(dialog.getByText("2 targets change partition.")).toBeVisible();
  await expect(dialog.getByText("mars matches no target that is here now.")).toBeVisible();
  await expectGood(page);
  await lines.fill("eu region=eu-*\nus region=us-*");
  await dialog.getByRole("button", { name: "Look at what it does" }).click();
  await dialog.getByRole("button", { name: "Declare them" }).click();
  await expect(page.getByRole("table", { name: "Assigned and running, by environment" }).getByText("region=eu-*")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("runs as assigned everywhere");
});

test("a partition is pinned, and the fleet's one cell opens into all of them", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  await choose(page, `${SERVICE} in ${ENVIRONMENT}, eu`, `Pin ${SERVICE} in ${ENVIRONMENT}, eu`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/reason/i).fill("Their release train waits");
  await expectGood(page);
  await dialog.getByRole("button", { name: "Pin", exact: true }).click();
  await expect(page.getByText("Their release train waits").first()).toBeVisible();
  await expectGood(page);

  await page.goto(`${url()}/fleet`);
  await page.getByRole("button", { name: `Partitions of ${SERVICE} in ${ENVIRONMENT}` }).click();
  const parts = page.getByRole("table", { name: `Partitions in ${ENVIRONMENT}` });
  await expect(parts.getByRole("row")).toHaveCount(3);
  await expect(parts.getByRole("row").first()).toContainText("pinned: Their release train waits");
  await expectGood(page);
});
