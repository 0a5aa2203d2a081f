import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeImage, expect, expectAccessible, runCli, setup, test, url } from "./fixtures";

const SERVICE = "followed";
const ENVIRONMENT = "dev";
const REPOSITORY = "registry.example/shop/followed";
const VERSIONS = ["1.0.0", "1.1.0"] as const;

test.describe.configure({ mode: "serial" });

let simulation: ChildProcess | null = null;
let folder = "";

async function mustRun(...args: string[]): Promise<string> {
  const result = await runCli(args, { PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token });
  expect(result.code, `plumbline ${args.join(" ")}: ${result.stderr}`).toBe(0);
  return result.stdout;
}

// One service on two simulated hosts that run 1.0.0 as assigned; somebody else is to bring 1.1.0.
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
  await mustRun("pool", "create", "pool-followed", "--environment", ENVIRONMENT);
  const args = ["simulate", "--pool", "pool-followed", "--hosts", "2", "--instances", "2", "--service", SERVICE, "--repository", REPOSITORY, "--release", "1.0.0", "--interval", "1", "--state", folder];
  simulation = spawn(process.execPath, [resolve("dist/plumbline.mjs"), ...args], { env: { ...process.env, PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token }, stdio: "ignore" });
  await mustRun("promote", SERVICE, ENVIRONMENT, "1.0.0", "--strategy", "all-at-once", "--wait");
  await mustRun("status", SERVICE, ENVIRONMENT, "--wait");
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

test("others decide at a place from then on, as the service's page says", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  await page.getByLabel(`More for ${SERVICE} in ${ENVIRONMENT}`, { exact: true }).click();
  await page.getByRole("button", { name: `Who decides about ${SERVICE} in ${ENVIRONMENT}`, exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/goes into the ledger/).fill("Argo CD deploys it");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Let others decide" }).click();
  await expect(page.getByText("others decide, Plumbline follows")).toBeVisible();
});

test("what is announced has a page like any other, which is not steered from here and can be rolled back from here", async ({ page }) => {
  const said = JSON.parse(await mustRun("deployment", "announce", SERVICE, ENVIRONMENT, "1.1.0", "--status", "started", "--id", "run-1", "--tool", "Argo CD", "--by", "ada", "--json")) as { rollout: { id: string; number: number } };
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(`${url()}/rollouts/${said.rollout.id}`);
  await expect(page.getByText("Argo CD carries it out.")).toBeVisible();
  await expect(page.getByText("Announced: Argo CD carries it out on 2 targets.")).toBeVisible();
  await expect(page.getByText("Argo CD, followed by observation")).toBeVisible();
  await expect(page.getByRole("button", { name: "Pause" })).toHaveAttribute("aria-disabled", "true");
  await page.getByRole("button", { name: "Pause" }).focus();
  await expect(page.getByText("Argo CD carries this out and Plumbline follows it: pause or stop it there. Here you can roll back.")).toBeVisible();
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `scrolls sideways at ${width} px`).toBeLessThanOrEqual(0);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await test.step(`${width} px, ${colorScheme}`, () => expectAccessible(page));
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(`${url()}/rollouts`);
  await expect(page.getByRole("row", { name: new RegExp(`R-${said.rollout.number}\\b`) })).toContainText("Argo CD, followed");
  await page.goto(`${url()}/rollouts/${said.rollout.id}`);
  await page.getByRole("button", { name: "Roll back…" }).click();
  await expect(page.getByRole("dialog")).toContainText("1.0.0");
});
