import { expect, expectGood, mustRun, test, url } from "./fixtures";
import { startSimulatedService, type SimulatedService } from "./simulated-service";

const SERVICE = "basket";
const ENVIRONMENT = "dev";

test.describe.configure({ mode: "serial" });

let simulated: SimulatedService | null = null;

test.beforeAll(async ({ playwright }) => {
  simulated = await startSimulatedService(playwright, { service: SERVICE, environment: ENVIRONMENT, versions: ["1.0.0"], hosts: 2, instances: 1 });
  await mustRun("promote", SERVICE, ENVIRONMENT, "1.0.0", "--strategy", "all-at-once", "--wait");
});

test.afterAll(async () => {
  await simulated?.stop();
});

test("a rule is written field by field, looked at, applied, and taken back", async ({ page }) => {
  await page.goto(`${url()}/settings/mapping`);
  await page.getByText("Change the rules", { exact: true }).click();
  await page.getByText("Add a rule", { exact: true }).click();
  const add = page.getByRole("button", { name: "Add it below the others" });
  await page.getByLabel("Its name").fill("borrowed");
  await page.getByLabel("Where the").selectOption("target");
  await page.getByLabel("Is", { exact: true }).fill(`${SERVICE}*`);
  await page.getByLabel("Why", { exact: true }).fill("Another team's");
  await add.click();
  const text = page.getByLabel("Rules and aliases, as JSON");
  await expect(text).toHaveValue(/"name": "borrowed"/);
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  const moves = page.getByRole("table", { name: "What would move" });
  await expect(moves.getByRole("row").nth(1)).toContainText("ignored by borrowed");
  await expectGood(page);
  await page.getByLabel(/reason/i).fill("they run it");
  await page.getByRole("button", { name: /Apply as version/ }).click();
  await expect(page.getByText("is in force.")).toBeVisible();
  await expect(page.getByRole("table", { name: "Rules, in order" }).getByRole("row", { name: /borrowed/ })).toContainText("2 instances");
  await expectGood(page);

  await text.fill('{ "rules": [], "aliases": {} }');
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  await expect(moves.getByRole("row").nth(1)).toContainText(SERVICE);
  await page.getByLabel(/reason/i).fill("it is ours again");
  await page.getByRole("button", { name: /Apply as version/ }).click();
  await expect(page.getByText("No rules: containers belong where their labels and images say.")).toBeVisible();
});

test("a service gets another name, and the old one leads to it", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  const names = page.getByRole("button", { name: "Names…" });
  const dialog = page.getByRole("dialog");
  await names.click();
  await dialog.getByLabel("New name").fill("Not A Name");
  await dialog.getByLabel(/reason/i).fill("one word for it");
  await dialog.getByRole("button", { name: "Rename", exact: true }).click();
  await expect(dialog.getByRole("alert")).toContainText("must be 1 to 63 characters");
  await dialog.getByLabel("New name").fill("trolley");
  await expectGood(page);
  await dialog.getByRole("button", { name: "Rename", exact: true }).click();
  await expect(page).toHaveURL(/\/services\/trolley$/);
  await expect(page.getByText(`also called ${SERVICE}`)).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("runs as assigned everywhere");

  await names.click();
  await dialog.getByLabel("Let one more name mean it").check();
  await dialog.getByLabel("Another name").fill("cart");
  await dialog.getByLabel(/reason/i).fill("the old team's word");
  await dialog.getByRole("button", { name: "Add the name" }).click();
  await expect(page.getByText(`also called ${SERVICE}, cart`)).toBeVisible();
  await page.goto(`${url()}/services/cart`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("trolley");

  await names.click();
  await dialog.getByLabel("Let a name mean it no longer").check();
  // What was its own name stays, and is not offered.
  await expect(dialog.getByLabel("Which name").getByRole("option")).toHaveText(["Choose one", "cart"]);
  await dialog.getByLabel(/reason/i).fill("nobody says so any more");
  await dialog.getByLabel("Which name").selectOption("cart");
  await expectGood(page);
  await dialog.getByRole("button", { name: "Give it up" }).click();
  await expect(page).toHaveURL(/\/services\/trolley$/);
  await expect(page.getByText(`also called ${SERVICE}, cart`)).toHaveCount(0);
  await page.goto(`${url()}/services/${SERVICE}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("trolley");
  await expectGood(page);
});
