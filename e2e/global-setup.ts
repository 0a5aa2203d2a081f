import { startStack } from "../scripts/lib/stack.mjs";

/** Starts database, web and worker on free ports and a throw-away folder; the returned function stops them. */
export default async function globalSetup(): Promise<() => Promise<void>> {
  const stack = await startStack();
  if (!stack.setup) throw new Error("The first start wrote no setup.json.");
  process.env["E2E_URL"] = stack.url;
  process.env["E2E_DATA"] = stack.dataDir;
  process.env["E2E_SETUP"] = JSON.stringify(stack.setup);
  process.env["E2E_PIDS"] = JSON.stringify(stack.pids);
  return () => stack.stop();
}
