import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Command } from "commander";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { addClientOptions } from "@/cli/client";
import { aliasServiceRequest, mergeServiceRequest, renameServiceRequest } from "@/lib/contract/services";
import { registerServiceCommands } from "./service";

let server: Server;
let url: string;
const asked: { path: string; body: unknown }[] = [];
let printed = "";

beforeAll(async () => {
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked.push({ path: request.url ?? "", body: JSON.parse(Buffer.concat(chunks).toString("utf8")) });
      response.setHeader("content-type", "application/json").end(JSON.stringify({ service: "basket", aliases: ["cart", "cart-api"], entry: 9 }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  vi.restoreAllMocks();
  await new Promise((resolve) => server.close(resolve));
});

it.each([
  ["rename", "cart", "basket", { to: "basket" }, renameServiceRequest, "cart is called basket now, ledger entry 9"],
  ["merge", "cart", "basket", { into: "basket" }, mergeServiceRequest, "cart is basket now, ledger entry 9"],
  ["alias", "basket", "cart", { alias: "cart" }, aliasServiceRequest, "cart, cart-api mean basket, ledger entry 9"],
] as const)("%s", async (verb, service, other, body, request, said) => {
  const program = new Command().exitOverride();
  registerServiceCommands(program);
  for (const command of program.commands) addClientOptions(command);
  await program.parseAsync(["service", verb, service, other, "--reason", "because", "--url", url], { from: "user" });
  expect(asked.at(-1)).toEqual({ path: `/api/v1/services/${service}/${verb}`, body: { ...body, reason: "because" } });
  expect(request.safeParse(asked.at(-1)?.body).success).toBe(true);
  expect(printed).toContain(said);
});
