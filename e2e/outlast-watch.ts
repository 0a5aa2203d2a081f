import type { Page } from "@playwright/test";
import { expect, type Fixtures, type Host } from "./fixtures";

type Rollouts = { items: { counts: { verified: number; failed: number } }[] };

/**
 * A rollout that has just succeeded is watched: what is changed by hand is put back, twice, and is left to people after
 * that. Changes the one target of a service until it stays as it is.
 */
export async function outlastWatch({ page, asPerson, host, service, change }: { page: Page; asPerson: Fixtures["asPerson"]; host: Host; service: string; change: () => unknown }): Promise<void> {
  const counts = async () => (await asPerson(page).get<Rollouts>(`rollouts?service=${service}&limit=1`)).items[0]?.counts;
  const repairs = () => host.output().match(/generation \d+: done/g)?.length ?? 0;
  for (const time of ["once", "twice"]) {
    const before = repairs();
    await change();
    await expect.poll(repairs, { message: `put back ${time}`, timeout: 90_000 }).toBeGreaterThan(before);
    await expect.poll(counts, { message: `verified again, ${time}`, timeout: 90_000 }).toMatchObject({ verified: 1 });
  }
  await change();
  await expect.poll(counts, { message: "contested", timeout: 90_000 }).toMatchObject({ verified: 0, failed: 1 });
}
