import type { Locator, Page } from "@playwright/test";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeImage, expect, expectAccessible, runCli, setup, test, url } from "./fixtures";

const SERVICE = "orders";
const REPOSITORY = "registry.example/shop/orders";
const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] as const;
const SAME_ORIGIN = () => ({ origin: url(), "sec-fetch-site": "same-origin" });

test.describe.configure({ mode: "serial" });

let simulation: ChildProcess | null = null;
let folder = "";

/** `plumbline …` as CI would, which must work. */
async function mustRun(...args: string[]): Promise<void> {
  const result = await runCli(args, { PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token });
  expect(result.code, `plumbline ${args.join(" ")}: ${result.stderr}`).toBe(0);
}

// One service on two simulated hosts, promoted release by release up to 1.2.0: every test then moves it on.
test.beforeAll(async ({ playwright }) => {
  folder = mkdtempSync(join(tmpdir(), "plumbline-e2e-"));
  const ci = await playwright.request.newContext({ extraHTTPHeaders: { authorization: `Bearer ${setup().token}` } });
  const person = await playwright.request.newContext({ storageState: "test-results/.signed-in.json", extraHTTPHeaders: SAME_ORIGIN() });
  for (const version of VERSIONS) {
    const image = makeImage(REPOSITORY, version);
    const release = { service: SERVICE, version, components: [{ name: "main", repository: REPOSITORY, digest: image.digest, manifests: [{ bytes: Buffer.from(image.manifest).toString("base64") }] }], migrations: [] };
    const registered = await ci.post(`${url()}/api/v1/releases`, { data: release });
    expect(registered.ok(), await registered.text()).toBe(true);
    const approved = await person.post(`${url()}/api/v1/approvals`, { data: { service: SERVICE, version, environment: "production" } });
    expect(approved.ok(), await approved.text()).toBe(true);
  }
  await Promise.all([ci.dispose(), person.dispose()]);
  await mustRun("pool", "create", "pool-orders", "--environment", "production");
  const args = ["simulate", "--pool", "pool-orders", "--hosts", "2", "--instances", "3", "--service", SERVICE, "--repository", REPOSITORY, "--release", "1.0.0", "--interval", "1", "--state", folder];
  simulation = spawn(process.execPath, [resolve("dist/plumbline.mjs"), ...args], { env: { ...process.env, PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token }, stdio: "ignore" });
  for (const version of VERSIONS.slice(0, 3)) await mustRun("promote", SERVICE, "production", version, "--wait");
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

/** Tab, as often as it takes. */
async function tabTo(page: Page, goal: Locator): Promise<void> {
  for (let presses = 0; presses < 120; presses += 1) {
    await page.keyboard.press("Tab");
    if (await goal.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("Tab never reaches it.");
}

const ROUTES = [
  "/fleet",
  "/drift",
  "/services",
  `/services/${SERVICE}`,
  `/services/${SERVICE}/why?environment=production`,
  "/services/orderz/why",
  "/instances/INSTANCE",
  "/rollouts",
  "/rollouts/ROLLOUT",
  "/releases",
  "/welcome",
  "/settings",
  "/settings/freezes",
  "/settings/mapping",
  "/settings/strategies",
  "/settings/notifications",
  "/settings/executors",
  `/services/${SERVICE}/rollback?environment=production`,
  `/services/${SERVICE}?rollback=${SERVICE}/production`,
];
for (const route of ROUTES) {
  test(`${route} is accessible, in both themes, on a desk and on a phone`, async ({ page, asPerson }) => {
    const firstOf = async (list: string) => (await asPerson(page).get<{ items: { id: string }[] }>(list)).items[0]?.id ?? "";
    const path = route.replace("INSTANCE", await firstOf(`instances?service=${SERVICE}`)).replace("ROLLOUT", await firstOf("rollouts"));
    await page.emulateMedia({ reducedMotion: "reduce" });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(`${url()}${path}`);
    await expect(page.getByRole("heading", { level: 1 }).or(page.getByRole("dialog").getByRole("heading", { level: 2 })).first()).toBeVisible();
    if (path.includes("?rollback=")) await expect(page.getByRole("dialog").getByLabel(/reason/i)).toBeVisible();
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${path} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await test.step(`${width} px, ${colorScheme}`, () => expectAccessible(page));
      }
    }
  });
}

test("the theme is remembered", async ({ page }) => {
  await page.goto(`${url()}/fleet`);
  await page.getByLabel(/account and theme/).click();
  await page.getByRole("button", { name: "Dark" }).click();
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});

test("the matrix is walked with the keys; Back leaves the dialog, and the focus comes back", async ({ page }) => {
  await page.goto(`${url()}/fleet`);
  const cell = page.getByRole("grid").getByRole("link", { name: new RegExp(`^${SERVICE} in production`) });
  // The page listens to keys when it is live.
  await expect(page.locator(".live-pill")).toContainText("Live");
  await cell.focus();
  await page.keyboard.press("ArrowLeft");
  await expect(cell).not.toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(cell).toBeFocused();
  await page.keyboard.press("r");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("heading", { name: `Roll back ${SERVICE} in production` })).toBeVisible();
  await expect(page).toHaveURL(/rollback=orders/);
  await page.goBack();
  await expect(dialog).toBeHidden();

  await page.goto(`${url()}/services/${SERVICE}`);
  const opener = page.getByRole("button", { name: `Roll back ${SERVICE} in production` });
  await opener.click();
  await expect(dialog.getByLabel(/reason/i)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(opener).toBeFocused();
});

test("what others do arrives without a reload", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  const row = page.getByRole("row").filter({ has: page.getByRole("button", { name: `Roll back ${SERVICE} in production` }) });
  await expect(row.getByText("1.2.0").first()).toBeVisible();
  await expect(page.locator(".live-pill")).toContainText("Live");
  await page.evaluate(() => document.documentElement.setAttribute("data-kept", "yes"));
  await mustRun("promote", SERVICE, "production", "1.3.0", "--wait");
  await expect(row.getByText("1.3.0").first()).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-kept", "yes");
});

test("a decision on a stale view is refused, and says what moved", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}?rollback=${SERVICE}/production`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/reason/i).fill("Decided on an old view");
  await mustRun("rollback", SERVICE, "production", "--reason", "Somebody was faster", "--wait");
  const typed = dialog.getByLabel(/type/i);
  if (await typed.isVisible()) await typed.fill(SERVICE);
  const button = dialog.getByRole("button", { name: /roll back to/i });
  await button.focus();
  await page.keyboard.press("Enter");
  // Held by a mouse, a hold fires by itself; a keyboard arms it first.
  if (await dialog.getByRole("button", { name: /press again/i }).isVisible()) await page.keyboard.press("Enter");
  await expect(dialog.getByRole("alert").filter({ hasText: "Nothing was changed" })).toContainText("The assigned release is now 1.2.0");
  await dialog.getByRole("button", { name: "Show me the new state" }).click();
  await expect(dialog.getByText("1.1.0").first()).toBeVisible();
});

test("a rollback with the keyboard alone, while the live stream is dead", async ({ page }) => {
  await page.route("**/api/v1/events*", (route) => route.fulfill({ status: 503 }));
  await page.goto(`${url()}/services/${SERVICE}`);
  await expect(page.locator(".live-pill")).toContainText("Offline");
  await tabTo(page, page.getByRole("button", { name: `Roll back ${SERVICE} in production` }));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel(/reason/i)).toBeVisible();
  await tabTo(page, dialog.getByLabel(/reason/i));
  await page.keyboard.type("By keyboard");
  const typed = dialog.getByLabel(/type/i);
  if (await typed.isVisible()) {
    await tabTo(page, typed);
    await page.keyboard.type(SERVICE);
    await page.keyboard.press("Enter");
  } else {
    await tabTo(page, dialog.getByRole("button", { name: /roll back to/i }));
    await page.keyboard.press("Enter");
    if (await dialog.getByRole("button", { name: /press again/i }).isVisible()) await page.keyboard.press("Enter");
  }
  await expect(dialog.getByRole("listitem").filter({ hasText: "Done, done" })).toBeVisible();
  await expect(dialog.getByRole("heading", { level: 2 }).first()).toContainText("1.1.0");
  expect(await dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true);
});

test("a rollback without a script", async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, storageState: "test-results/.signed-in.json" });
  const page = await context.newPage();
  await page.goto(`${url()}/services/${SERVICE}/rollback?environment=production&version=1.0.0`);
  await page.getByLabel(/reason/i).fill("No script arrived");
  const typed = page.getByLabel(/type/i);
  if (await typed.isVisible()) await typed.fill(SERVICE);
  await page.getByRole("button", { name: /roll back to 1\.0\.0/i }).click();
  await expect(page).toHaveURL(/\/rollouts\/[0-9a-f-]{36}/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("1.0.0");
  await context.close();
});

test("who may not roll back is told which role is missing", async ({ page, browser, asPerson }) => {
  const { link } = await asPerson(page).post<{ link: string }>("invitations", { name: "Vera Blick", email: "vera@shop.example", role: "viewer", service: "*", environment: "*" });
  const context = await browser.newContext();
  const viewer = await context.newPage();
  await viewer.goto(link);
  await viewer.getByLabel("Password").fill("another long password");
  await viewer.getByRole("button", { name: /create/i }).click();
  await expect(viewer).toHaveURL(/\/fleet/);
  await viewer.goto(`${url()}/services/${SERVICE}`);
  const button = viewer.getByRole("button", { name: `Roll back ${SERVICE} in production` });
  await expect(button).toHaveAttribute("aria-disabled", "true");
  await expect(button).toHaveAccessibleDescription(/operator|on-call|role/i);
  // It keeps its focus and says why, so a press must do nothing; Playwright would wait for it to be enabled.
  await button.click({ force: true });
  await expect(viewer.getByRole("dialog")).toBeHidden();
  await expectAccessible(viewer);
  await context.close();
});
