import { expect, it } from "vitest";
import { promoteRequest, reconvergeRequest, replaceRequest, rollbackRequest, stopRequest } from "@/lib/contract/rollouts";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import type { Start } from "./start";
import { toRequest } from "./to-request";
import type { Choices } from "./to-request";

const ID = "8a1c2b34-0000-4000-8000-000000000001";
const start = (kind: RolloutKind, over: Partial<Start> = {}): Start => ({ kind, service: "payments", environment: "production", partition: "default", version: null, targets: null, ...over });
const preview = { to: { id: ID, version: "1.41", digest: null }, revision: "r", forwardFix: null };
const fix = { release: "1.42", migration: "0417", compatibleBackTo: null, newestCompatible: null };
const decision = { reason: "errors", hold: true, typed: null };
const choices: Choices = { incident: " ", strategy: "environment", overrideFreeze: false };
const schemas = { promotions: promoteRequest, rollbacks: rollbackRequest, reconverge: reconvergeRequest, replacements: replaceRequest, stops: stopRequest } as const;

it.each<[string, ReturnType<typeof toRequest>, string, object]>([
  ["a promotion needs no reason", toRequest(start("promote"), preview, { ...decision, reason: "" }, choices), "promotions", { version: "1.41", strategy: "environment", overrideFreeze: false, revision: "r" }],
  ["a promotion for everyone, in spite of a freeze", toRequest(start("promote"), preview, decision, { ...choices, strategy: "all-at-once", overrideFreeze: true }), "promotions", { strategy: "all-at-once", overrideFreeze: true, reason: "errors" }],
  ["a rollback", toRequest(start("rollback"), preview, decision, { ...choices, incident: "INC-1 " }), "rollbacks", { version: "1.41", hold: true, strategy: "fast-track", incident: "INC-1" }],
  ["a rollback in waves", toRequest(start("rollback"), preview, decision, { ...choices, strategy: "waves" }), "rollbacks", { strategy: "waves" }],
  ["a rollback all the same", toRequest(start("rollback"), { ...preview, forwardFix: fix }, { ...decision, typed: "payments" }, choices), "rollbacks", { acceptForwardFix: "payments" }],
  ["everything that deviates", toRequest(start("reconverge"), preview, decision, choices), "reconverge", { reason: "errors" }],
  ["new copies of two", toRequest(start("replace", { targets: ["12", "15"] }), preview, decision, choices), "replacements", { targets: ["12", "15"], revision: "r" }],
  ["a stop", toRequest(start("stop"), { ...preview, to: null }, { ...decision, typed: "payments" }, choices), "stops", { confirm: "payments" }],
])("%s", (_name, request, path, body) => {
  expect(request.path).toBe(path);
  expect(request.body).toMatchObject({ service: "payments", environment: "production", partition: "default", ...body });
  const schema = Object.entries(schemas).find(([name]) => name === path)?.[1];
  expect(schema?.safeParse(request.body).error).toBeUndefined();
});

it("nothing is typed under a rollback that needs no fix", () => {
  expect(toRequest(start("rollback"), preview, { ...decision, typed: "payments" }, choices).body).not.toHaveProperty("acceptForwardFix");
});
