import type { Locator, Page } from "@playwright/test";
import { expect, expectAccessible, test, url } from "./fixtures";

// Of a service that nothing else here is about: none of the other tests' rollouts is to be carried out by it, or told to it.
const PLACE = { service: "nowhere", environment: "nowhere" };

test("an executor gets a new address and a new secret, and keeps what was not touched", async ({ page, asPerson }) => {
  const { id } = await asPerson(page).post<{ id: string }>("executors", { name: "deployer", ...PLACE, config: { kind: "webhook", url: "https://deployer.example.org/plumbline" } });
  await page.goto(`${url()}/settings/executors`);
  const dialog = await open(page, "Change deployer");
  await expect(dialog.getByLabel("Services")).toHaveValue(PLACE.service);
  await dialog.getByLabel("Address").fill("https://2130706433/");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByLabel("Address")).toHaveAccessibleDescription(/ordinary form/);
  await expectAccessible(page);
  await dialog.getByLabel("Address").fill("https://deployer.example.org/elsewhere");
  await dialog.getByLabel("Make a new secret").check();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText("Copy the secret now: it is not shown again.")).toBeVisible();
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await expect(page.getByRole("row", { name: /deployer/ })).toContainText("https://deployer.example.org/elsewhere");
  await remove(page, "deployer");
  expect((await asPerson(page).get<{ items: { id: string }[] }>("executors")).items.map((item) => item.id)).not.toContain(id);
});

test("a channel is told something else, and led elsewhere only as a whole", async ({ page, asPerson }) => {
  await asPerson(page).post("channels", { name: "pager", ...PLACE, events: ["failed"], destination: { kind: "pagerduty", routingKey: "an-integration-key" } });
  await page.goto(`${url()}/settings/notifications`);
  const dialog = await open(page, "Change pager");
  await dialog.getByLabel("A rollout pauses").check();
  await dialog.getByLabel("Lead it elsewhere").check();
  await dialog.getByLabel("Events API").fill("https://events.eu.pagerduty.com/v2/enqueue");
  // The key that is kept is not sent there.
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByLabel("Integration key")).toBeFocused();
  await expectAccessible(page);
  await dialog.getByLabel("Integration key").fill("another-integration-key");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  const row = page.getByRole("row", { name: /pager/ });
  await expect(row).toContainText("events.eu.pagerduty.com");
  await expect(row).toContainText("paused, failed");
  await remove(page, "pager");
});

async function open(page: Page, name: string): Promise<Locator> {
  await page.getByRole("button", { name, exact: true }).click();
  return page.getByRole("dialog");
}

async function remove(page: Page, name: string): Promise<void> {
  const dialog = await open(page, `Remove ${name}`);
  await dialog.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(page.getByRole("button", { name: `Remove ${name}` })).toHaveCount(0);
}
