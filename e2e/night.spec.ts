import { expect, expectAccessible, mustRun, test, url } from "./fixtures";
import { startSimulatedService, type SimulatedService } from "./simulated-service";

const SERVICES = ["night-pay", "night-ledger"] as const;
const ENVIRONMENT = "production";
const PAGE = `/p/${SERVICES[0]}/${ENVIRONMENT}`;

test.describe.configure({ mode: "serial" });

const simulated: SimulatedService[] = [];
/** A moment at which both services ran 1.0.0. */
let before = "";

// Two services, each on a simulated host: both went from 1.0.0 to 1.1.0.
test.beforeAll(async ({ playwright }) => {
  for (const service of SERVICES) {
    simulated.push(await startSimulatedService(playwright, { service, environment: ENVIRONMENT, versions: ["1.0.0", "1.1.0"], hosts: 1, instances: 2, approve: true }));
    await mustRun("promote", service, ENVIRONMENT, "1.0.0", "--wait");
  }
  before = new Date().toISOString();
  for (const service of SERVICES) await mustRun("promote", service, ENVIRONMENT, "1.1.0", "--wait");
});

test.afterAll(async () => {
  await Promise.all(simulated.map((one) => one.stop()));
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
  // Both went back already: what they left is nobody's last known good, and has to be chosen by name.
  await page.getByRole("link", { name: "1.1.0", exact: true }).click();
  await expect(page.getByLabel(/reason/i)).toHaveValue(/INC-2208/);
  await expect(page.getByLabel(/incident/i)).toHaveValue("INC-2208");
  const typed = page.getByLabel(/type/i);
  if (await typed.isVisible()) await typed.fill(SERVICES[0]);
  await page.getByRole("button", { name: /roll back to 1\.1\.0/i }).click();
  await expect(page).toHaveURL(/\/rollouts\/[0-9a-f-]{36}/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("1.1.0");
  await context.close();
});
