import type { Locator, Page } from "@playwright/test";
import { expect } from "./fixtures";

/** Confirms by mouse in whichever way the risk asks for (click, hold, or the service's name typed), until it is accepted. */
export async function confirmRollback(dialog: Locator, page: Page, service: string): Promise<void> {
  const typed = dialog.getByLabel(/type/i);
  if (await typed.isVisible()) await typed.fill(service);
  const button = dialog.getByRole("button", { name: /roll back|put back|hold/i }).last();
  // What refuses says why beneath the button, and does nothing.
  await expect(button).not.toHaveAttribute("aria-disabled");
  await button.scrollIntoViewIfNeeded();
  const box = await button.boundingBox();
  if (!box) throw new Error("The confirm button is not on the screen.");
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  // For a click the release confirms; for a hold the full ring does, and letting go earlier would cancel.
  if (await typed.isVisible()) await page.mouse.up();
  await expect(dialog.getByRole("listitem").filter({ hasText: "Accepted, done" }).or(dialog.getByRole("alert")).first()).toContainText("Accepted");
  await page.mouse.up();
}
