import { expect, it } from "vitest";
import { aliasServiceRequest, mergeServiceRequest, renameServiceRequest, unaliasServiceRequest } from "@/lib/contract/services";
import { registerServiceCommands } from "./service";
import { commandLine } from "./testing/command-line";

const cli = commandLine(registerServiceCommands);

it.each([
  ["rename", "cart", "basket", { to: "basket" }, renameServiceRequest, "cart is called basket now, ledger entry 9"],
  ["merge", "cart", "basket", { into: "basket" }, mergeServiceRequest, "cart is basket now, ledger entry 9"],
  ["alias", "basket", "cart", { alias: "cart" }, aliasServiceRequest, "cart, cart-api mean basket, ledger entry 9"],
  ["unalias", "basket", "cart-web", { alias: "cart-web" }, unaliasServiceRequest, "cart-web no longer means basket, ledger entry 9"],
] as const)("%s", async (verb, service, other, body, request, said) => {
  cli.answers = [{ service: "basket", aliases: ["cart", "cart-api"], entry: 9 }];
  await cli.run("service", verb, service, other, "--reason", "because");
  expect(cli.asked.at(-1)).toEqual({ method: "POST", path: `/api/v1/services/${service}/${verb}`, body: { ...body, reason: "because" } });
  expect(request.safeParse(cli.asked.at(-1)?.body).success).toBe(true);
  expect(cli.printed).toContain(said);
});
