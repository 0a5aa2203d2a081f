import { createClient, type Client } from "@/cli/client";
import { startStack, type Stack } from "../../scripts/lib/stack.mjs";

/** A Plumbline of its own, as durable as `npm start` runs it, for as long as `work` takes. `api` is a client with all roles. */
export async function withStack(work: (stack: Stack, api: Client) => Promise<void>): Promise<void> {
  // Its own temporary folder, which `stop` removes, but not the fast settings that come with one.
  const stack = await startStack({ databaseSettings: {}, log: (line) => console.error(line) });
  try {
    await work(stack, createClient({ url: stack.url, token: stack.setup?.token ?? "" }));
  } finally {
    await stack.stop();
  }
}
