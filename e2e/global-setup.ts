import { startStack } from "../scripts/lib/stack.mjs";

/** Starts database, web and worker on free ports and a throw-away folder; the returned function stops them. */
export default async function globalSetup(): Promise<() => Promise<void>> {
  const stack = await startStack();
  if (!stack.setup) throw new Error("The first start wrote no setup.json.");
  process.env["E2E_URL"] = stack.url;
  process.env["E2E_DATA"] = stack.dataDir;
  process.env["E2E_SETUP"] = JSON.stringify(stack.setup);
  await quicken(stack.url, stack.setup.token);
  process.env["E2E_PIDS"] = JSON.stringify(stack.pids);
  return () => stack.stop();
}

/** The waves are the usual ones; nothing is watched for longer than it takes to see it. */
async function quicken(origin: string, token: string | undefined): Promise<void> {
  const promote = { cut: { kind: "percentages", steps: [5, 25, 100] }, gate: { failureThreshold: 0.05 }, onFailure: "rollback", minUptimeMs: 1_000 };
  for (const environment of ["dev", "staging", "production"]) {
    const response = await fetch(`${origin}/api/v1/strategies`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ environment, version: 0, reason: "tests", strategy: { promote, rollback: { cut: { kind: "all-at-once" }, minUptimeMs: 1_000 } } }),
    });
    if (!response.ok) throw new Error(`The strategy of ${environment} was refused: ${await response.text()}`);
  }
}
