import type { Locator, Page } from "@playwright/test";
import { asSignedIn, expect, expectGood, mustRun, test, url } from "./fixtures";
import { startSimulatedService, type SimulatedService } from "./simulated-service";

const SERVICE = "billing";
const ENVIRONMENT = "staging";
const VERSIONS = ["1.0.0", "1.1.0", "1.2.0"] as const;

test.describe.configure({ mode: "serial" });

let simulated: SimulatedService | null = null;

const gate = { passShare: 1, soakMs: 0, failureThreshold: 0, maxFailures: 0, health: true, goAhead: false, check: null };
/** Half of the hosts, then somebody says go, then everyone. */
const STRATEGY = {
  promote: { cut: { kind: "percentages", steps: [50, 100] }, gate, waves: [{ wave: 2, goAhead: true }], onFailure: "pause", maxInFlight: null, minUptimeMs: 0 },
  rollback: { cut: { kind: "all-at-once" }, gate, waves: [], onFailure: "pause", maxInFlight: null, minUptimeMs: 0 },
};

// One service on four simulated hosts, on its first release, in an environment that asks before its second wave.
test.beforeAll(async ({ playwright }) => {
  simulated = await startSimulatedService(playwright, { service: SERVICE, environment: ENVIRONMENT, versions: VERSIONS, hosts: 4, instances: 1 });
  await mustRun("promote", SERVICE, ENVIRONMENT, "1.0.0", "--wait");
  const person = await asSignedIn(playwright);
  const stands = (await (await person.get(`${url()}/api/v1/strategies?environment=${ENVIRONMENT}`)).json()) as { items: { version: number }[] };
  const put = await person.put(`${url()}/api/v1/strategies`, { data: { environment: ENVIRONMENT, strategy: STRATEGY, version: stands.items[0]?.version, reason: "Somebody looks before everyone gets it" } });
  expect(put.ok(), await put.text()).toBe(true);
  await person.dispose();
});

test.afterAll(async () => {
  await simulated?.stop();
});

/** Opens the promotion of a version from the service's page and starts it, up to the receipt. */
async function promote(page: Page, version: string): Promise<Locator> {
  await page.goto(`${url()}/services/${SERVICE}`);
  await page.getByRole("button", { name: `Promote ${SERVICE} to ${ENVIRONMENT}` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Release").selectOption(version);
  await expect(dialog.getByRole("heading", { name: `Promote ${SERVICE} ${version} to ${ENVIRONMENT}` })).toBeVisible();
  await expect(dialog.getByRole("table", { name: "Waves, as planned" }).getByText("After somebody says go")).toBeVisible();
  return dialog;
}

async function follow(dialog: Locator): Promise<void> {
  await expect(dialog.getByRole("listitem").filter({ hasText: "Accepted, done" })).toBeVisible();
  await dialog.getByRole("link", { name: "Follow the rollout" }).click();
}

test("a promotion in waves, with its gates before the start and a go-ahead in between", async ({ page }) => {
  const dialog = await promote(page, "1.1.0");
  await expectGood(page);
  await dialog.getByRole("button", { name: "Promote 1.1.0" }).click();
  await follow(dialog);
  const waits = page.getByRole("region", { name: /waits for a go-ahead/ });
  await expect(waits).toContainText("2 targets get 1.1.0");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("2 of 4 verified");
  await expectGood(page);
  await waits.getByRole("button", { name: /go ahead with wave 2/i }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Go ahead: 2 targets" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("runs 1.1.0: 4 of 4 verified");
  await expect(page.getByRole("table", { name: "Waves and their gates" })).toContainText("said go, ledger entry");
});

test("an abort that stops and rolls back leads to the rollback", async ({ page }) => {
  const dialog = await promote(page, "1.2.0");
  await dialog.getByRole("button", { name: "Promote 1.2.0" }).click();
  await follow(dialog);
  await expect(page.getByRole("region", { name: /waits for a go-ahead/ })).toBeVisible();
  const first = page.url();
  await page.getByRole("button", { name: "Abort…" }).click();
  const abort = page.getByRole("dialog");
  await expect(abort.getByText("It leaves 2 targets on 1.2.0 and 2 on 1.1.0.")).toBeVisible();
  await abort.getByRole("radio", { name: /stop and roll back/i }).check();
  await expect(abort.getByText("It leaves all 4 on 1.1.0: 2 that the rollout reached go back, 2 never left it.")).toBeVisible();
  await abort.getByLabel(/reason/i).fill("Errors in the first wave");
  await expectGood(page);
  await abort.getByRole("button", { name: "Stop and roll back" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("is back on 1.1.0");
  expect(page.url()).not.toBe(first);
  await page.goto(first);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(/superseded|stopped/i);
});

test("new copies for what is selected", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  const table = page.getByRole("table", { name: `Instances of ${SERVICE}` });
  await table.getByRole("checkbox", { name: /^Select (?!all)/ }).first().check();
  const bar = page.getByRole("region", { name: "Selection" });
  await expect(bar).toContainText("1 target selected");
  await bar.getByRole("button", { name: "Replace 1…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/reason/i).fill("It leaks");
  await expectGood(page);
  await dialog.getByRole("button", { name: "Replace 1" }).click();
  await expect(dialog.getByRole("listitem").filter({ hasText: "Done, done" })).toBeVisible();
});

test("a stop is typed", async ({ page }) => {
  await page.goto(`${url()}/services/${SERVICE}`);
  await page.getByLabel(`More for ${SERVICE} in ${ENVIRONMENT}`).click();
  await page.getByRole("button", { name: `Stop ${SERVICE} in ${ENVIRONMENT}` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/reason/i).fill("It is not needed here any more");
  await dialog.getByLabel(/type/i).fill("billin");
  const button = dialog.getByRole("button", { name: `Stop ${SERVICE}` });
  await button.click();
  await expect(dialog.getByText("This is not “billing”.")).toBeVisible();
  await dialog.getByLabel(/type/i).fill(SERVICE);
  await expectGood(page);
  await button.click();
  await expect(dialog.getByRole("heading", { level: 2 }).first()).toContainText("is being stopped");
  await follow(dialog);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(/nothing/);
});
