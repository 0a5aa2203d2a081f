import { expect, it } from "vitest";
import type { DeliveryDto } from "@/lib/contract/notifications";
import { toDeliveries } from "./to-deliveries";

const ID = "8a1c2b34-0000-4000-8000-000000000001";
function delivery(over: Partial<DeliveryDto>): DeliveryDto {
  return {
    id: ID, event: "started", sentence: "Rolling out.", status: "sent", attempts: 1, channel: { id: ID, name: "ops", kind: "slack" }, executor: null, rollout: null, wave: null, finding: null,
    lastStatus: 200, lastError: null, nextAttemptAt: null, createdAt: "2026-11-20T02:14:31.000Z", sentAt: "2026-11-20T02:14:32.000Z", resendOf: null, ...over,
  };
}

it.each<[string, Partial<DeliveryDto>, object]>([
  ["arrived", {}, { to: "ops", state: "arrived", shape: "match", at: "2026-11-20T02:14:32.000Z", settled: true, error: null }],
  ["arrived at the second go", { resendOf: ID }, { state: "arrived, sent again" }],
  ["on its way to an executor", { status: "pending", attempts: 0, channel: null, executor: { id: ID, name: "argo", kind: "argocd" }, sentAt: null }, { to: "argo", state: "on its way", shape: "rolling", settled: false, at: "2026-11-20T02:14:31.000Z" }],
  ["tried", { status: "pending", attempts: 2, nextAttemptAt: "2026-11-20T02:15:00.000Z", lastError: "time-out", sentAt: null }, { state: "tried 2 times, again at 02:15:00", error: "time-out" }],
  ["given up", { status: "failed", attempts: 8, lastStatus: 502, lastError: "Bad Gateway", sentAt: null }, { state: "given up after 8 attempts, answered 502", shape: "alert", error: "Bad Gateway", settled: true }],
])("%s", (_name, over, expected) => expect(toDeliveries([delivery(over)])[0]).toMatchObject(expected));
