import { expect, expectAccessible, setup, test, url } from "./fixtures";

test("the set-up link works once and signs in", async ({ page, browser }) => {
  await page.goto(setup().link);
  await expectAccessible(page);
  await page.getByLabel("Your name").fill("Ines Duarte");
  await page.getByLabel("E-mail").fill("ines@shop.example");
  await page.getByLabel("Password").fill("a long enough password");
  await page.getByRole("button", { name: /create|set up/i }).click();
  await expect(page).toHaveURL(/\/fleet/);
  await page.context().storageState({ path: "test-results/.signed-in.json" });

  const other = await browser.newPage();
  await other.goto(setup().link);
  await expect(other.getByText(/used|expired|no longer/i).first()).toBeVisible();
  await other.close();
});

test("who is not signed in is asked to, and comes back to where he wanted to go", async ({ page }) => {
  await page.goto(`${url()}/drift`);
  await expect(page).toHaveURL(/\/sign-in/);
  await expectAccessible(page);
  await page.getByLabel("E-mail").fill("ines@shop.example");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: /sign in/i }).click();
  await expect(page.locator("#sign-in-error")).toContainText(/password/i);
  await page.getByLabel("Password").fill("a long enough password");
  await page.getByRole("button", { name: /sign in/i }).click();
  await expect(page).toHaveURL(/\/drift/);
});
