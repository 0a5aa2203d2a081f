import type { Locator, Page } from "@playwright/test";
import { expect, expectAccessible, expectGood, mustRun, test, url } from "./fixtures";
import { startSimulatedService, type SimulatedService } from "./simulated-service";

const SERVICE = "orders";
const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] as const;

test.describe.configure({ mode: "serial" });

let simulated: SimulatedService | null = null;

// One service on two simulated hosts, promoted release by release up to 1.2.0: every test then moves it on.
test.beforeAll(async ({ playwright }) => {
  simulated = await startSimulatedService(playwright, { service: SERVICE, environment: "production", versions: VERSIONS, hosts: 2, instances: 3, approve: true });
  for (const version of VERSIONS.slice(0, 3)) await mustRun("promote", SERVICE, "production", version, "--wait");
});

test.afterAll(async () => {
  await simulated?.stop();
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
  "/settings/deployers",
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
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(`${url()}${path}`);
    await expect(page.getByRole("heading", { level: 1 }).or(page.getByRole("dialog").getByRole("heading", { level: 2 })).first()).toBeVisible();
    if (path.includes("?rollback=")) await expect(page.getByRole("dialog").getByLabel(/reason/i)).toBeVisible();
    await expectGood(page);
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
