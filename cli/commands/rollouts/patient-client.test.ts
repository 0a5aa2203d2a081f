import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { EXIT } from "@/cli/client";
import { createPatientClient } from "./patient-client";

let server: Server | null = null;
afterEach(() => {
  server?.close();
  server = null;
  vi.restoreAllMocks();
});

/** A port on which nobody listens until the first pause; then it answers. */
async function away(): Promise<{ url: string; come: () => Promise<void> }> {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((open) => taken.once("listening", open));
  const { port } = taken.address() as AddressInfo;
  await new Promise((closed) => taken.close(closed));
  return {
    url: `http://127.0.0.1:${port}`,
    come: () => new Promise((open) => (server = createServer((_, response) => response.setHeader("content-type", "application/json").end('{"items":[]}')).listen(port, "127.0.0.1", () => open()))),
  };
}

it("asks again while nobody answers, and says so once", async () => {
  const { url, come } = await away();
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  let pauses = 0;
  const client = createPatientClient({ url, waitForPeople: true }, async () => {
    pauses += 1;
    if (pauses === 3) await come();
  });
  expect(await client.get("rollouts")).toEqual({ items: [] });
  expect(pauses).toBe(3);
  expect(said).toHaveBeenCalledTimes(1);
});

it("gives up when the time is up, and asks once what has a signal of its own", async () => {
  const { url } = await away();
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  await expect(createPatientClient({ url, waitForPeople: true, timeout: "1ms" }).get("rollouts")).rejects.toMatchObject({ exitCode: EXIT.unreachable });
  const paused = vi.fn(async () => undefined);
  await expect(createPatientClient({ url, waitForPeople: true }, paused).get("rollouts", {}, AbortSignal.timeout(60_000))).rejects.toMatchObject({ exitCode: EXIT.unreachable });
  expect(paused).not.toHaveBeenCalled();
});
