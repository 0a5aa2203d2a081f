import type { Page } from "@playwright/test";
import { expect, expectGood, mustRun, test, url } from "./fixtures";
import { startSimulatedService, type SimulatedService } from "./simulated-service";

const SERVICE = "tenancy";
const ENVIRONMENT = "dev";
const VERSIONS = ["1.0.0", "1.1.0"] as const;

test.describe.configure({ mode: "serial" });

let simulated: SimulatedService | null = null;

// One service on three simulated hosts, each in a region of its own, moved on from 1.0.0 to 1.1.0.
test.beforeAll(async ({ playwright }) => {
  simulated = await startSimulatedService(playwright, { service: SERVICE, environment: ENVIRONMENT, versions: VERSIONS, hosts: 3, instances: 2 });
  for (const version of VERSIONS) await mustRun("promote", SERVICE, ENVIRONMENT, version, "--strategy", "all-at-once", "--wait");
});

test.afterAll(async () => {
  await simulated?.stop();
});

async function choose(page: Page, place: string, item: string): Promise<void> {
  await page.getByLabel(`More for ${place}`, { exact: true }).click();
  await page.getByRole("button", { name: item, exact: true }).click();
}

test("a service is divided by region, after a look at what it does, and nothing starts to differ", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  await choose(page, `${SERVICE} in ${ENVIRONMENT}`, `Partitions of ${SERVICE} in ${ENVIRONMENT}`);
  const dialog = page.getByRole("dialog");
  const lines = dialog.getByLabel(/one a line/i);
  await lines.fill("eu region");
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
