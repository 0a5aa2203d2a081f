import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient, type Client } from "@/cli/client";
import { startStack, type Stack } from "../../scripts/lib/stack.mjs";
import { COUNTING, countStatements, showStatements } from "./statements";

const LAST_LINES = 20;

/**
 * A Plumbline of its own, as durable as `npm start` runs it, for as long as `work` takes. `api` is a client with all roles.
 * With BENCH_STATEMENTS=1 the database's longest statements are shown at the end; counting them costs a little.
 */
export async function withStack(work: (stack: Stack, api: Client) => Promise<void>): Promise<void> {
  const counts = process.env["BENCH_STATEMENTS"] === "1";
  // Its own temporary folder, which `stop` removes, but not the fast settings that come with one.
  const stack = await startStack({ databaseSettings: counts ? COUNTING : {}, log: (line) => console.error(line) });
  try {
    if (counts) await countStatements(stack.ownerUrl);
    await work(stack, createClient({ url: stack.url, token: stack.setup?.token ?? "" }));
  } catch (error) {
    // Its folder goes with it.
    for (const name of ["web", "worker"]) console.error(`${name}: ${readFileSync(join(stack.dataDir, "logs", `${name}.log`), "utf8").trimEnd().split("\n").slice(-LAST_LINES).join("\n")}`);
    throw error;
  } finally {
    if (counts) await showStatements(stack.ownerUrl);
    await stack.stop();
  }
}
