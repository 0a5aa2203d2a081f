import { expect, expectAccessible, expectGood, mustRun, test, url } from "./fixtures";
import { startSimulatedService, type SimulatedService } from "./simulated-service";

const SERVICE = "followed";
const ENVIRONMENT = "dev";

test.describe.configure({ mode: "serial" });

let simulated: SimulatedService | null = null;

// One service on two simulated hosts that run 1.0.0 as assigned; somebody else is to bring 1.1.0.
test.beforeAll(async ({ playwright }) => {
  simulated = await startSimulatedService(playwright, { service: SERVICE, environment: ENVIRONMENT, versions: ["1.0.0", "1.1.0"], hosts: 2, instances: 2 });
  await mustRun("promote", SERVICE, ENVIRONMENT, "1.0.0", "--strategy", "all-at-once", "--wait");
  await mustRun("status", SERVICE, ENVIRONMENT, "--wait");
});

test.afterAll(async () => {
  await simulated?.stop();
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
  await page.goto(`${url()}/rollouts/${said.rollout.id}`);
  await expect(page.getByText("Argo CD carries it out.")).toBeVisible();
  await expect(page.getByText("Announced: Argo CD carries it out on 2 targets.")).toBeVisible();
  await expect(page.getByText("Argo CD, followed by observation")).toBeVisible();
  await expect(page.getByRole("button", { name: "Pause" })).toHaveAttribute("aria-disabled", "true");
  await page.getByRole("button", { name: "Pause" }).focus();
  await expect(page.getByText("Argo CD carries this out and Plumbline follows it: pause or stop it there. Here you can roll back.")).toBeVisible();
  await expectGood(page);
  await page.goto(`${url()}/rollouts`);
  await expect(page.getByRole("row", { name: new RegExp(`R-${said.rollout.number}\\b`) })).toContainText("Argo CD, followed");
  await page.goto(`${url()}/rollouts/${said.rollout.id}`);
  await page.getByRole("button", { name: "Roll back…" }).click();
  await expect(page.getByRole("dialog")).toContainText("1.0.0");
});

test("what deployers said stands on a page of its own, with the hooks that they call", async ({ page }) => {
  await page.goto(`${url()}/settings/deployers`);
  const said = page.getByRole("table", { name: "Announced deployments" }).getByRole("row", { name: new RegExp(`${SERVICE} 1\\.1\\.0`) });
  await expect(said).toContainText("Argo CD, ada");
  await expect(said.getByRole("link", { name: /^R-\d+$/ })).toBeVisible();
  await page.getByText("New hook for GitHub", { exact: true }).click();
  await page.getByLabel("Name", { exact: true }).fill("github-shop");
  await page.getByLabel("Services", { exact: true }).fill("shop-*");
  await page.getByRole("button", { name: "Make the hook" }).click();
  await expect(page.getByText("Copy the secret now: it is not shown again.")).toBeVisible();
  const hook = page.getByRole("table", { name: "Hooks" }).getByRole("row", { name: /github-shop/ });
  await expect(hook).toContainText("shop-* in *");
  await expectGood(page);
  await hook.getByRole("button", { name: "Remove github-shop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await expect(hook).toHaveCount(0);
});
