import { describe, expect, it } from "vitest";
import type { ReleaseHere } from "@/lib/domain/rollout/check-rollback";
import { decideGate, type GateState } from "./gate";

const release = (version: string, changes: Partial<ReleaseHere> = {}): ReleaseHere => ({
  id: version, version, serviceId: "s1", serviceName: "payments", registeredSeq: 10, approvedHere: true, recalled: false, ranHere: false, assignedHere: false, ...changes,
});
const open: GateState = { service: { id: "s1", name: "payments" }, environment: { name: "production" }, partition: { name: "default", known: true }, releases: [release("1.2.0")], hold: null, freeze: null, pin: null };
const hold = { id: "h1", detail: "entry 7" };
const freeze = { name: "nights", until: null };

describe("decideGate", () => {
  it.each<[string, Partial<GateState>, string | string[]]>([
    ["an approved release", {}, "1.2.0"],
    ["the newest of the same bytes that may run", { releases: [release("1.2.0"), release("1.3.0", { registeredSeq: 11, approvedHere: false }), release("1.1.0", { registeredSeq: 9 })] }, "1.2.0"],
    ["another service's release of the same bytes is no obstacle", { releases: [release("1.2.0"), release("9", { serviceId: "s2", registeredSeq: 99, recalled: true })] }, "1.2.0"],
    ["no such digest", { releases: [] }, ["release-unknown"]],
    ["another service's digest", { releases: [release("9", { serviceId: "s2", serviceName: "ledger" })] }, ["wrong-service"]],
    ["not approved here", { releases: [release("1.2.0", { approvedHere: false })] }, ["not-approved"]],
    ["recalled", { releases: [release("1.2.0", { recalled: true })] }, ["recalled"]],
    ["recalled and not approved: both", { releases: [release("1.2.0", { recalled: true, approvedHere: false })] }, ["recalled", "not-approved"]],
    ["held", { hold }, ["held"]],
    ["frozen", { freeze }, ["frozen"]],
    ["everything at once, in one answer", { releases: [release("1.2.0", { approvedHere: false })], hold, freeze }, ["not-approved", "held", "frozen"]],
    ["no such service", { service: null }, ["service-unknown"]],
    ["no such environment", { environment: null }, ["environment-unknown"]],
    ["neither", { service: null, environment: null, releases: [] }, ["service-unknown", "environment-unknown"]],
    ["no such partition", { partition: { name: "acme", known: false } }, ["partition-unknown"]],
  ])("%s", (_, changes, expected) => {
    const verdict = decideGate({ ...open, ...changes });
    expect(verdict.ok ? verdict.version : verdict.reasons.map(({ reason }) => reason)).toEqual(expected);
  });

  it("names the version that it speaks of, also when it refuses", () => {
    expect(decideGate({ ...open, hold })).toMatchObject({ ok: false, version: "1.2.0" });
    expect(decideGate({ ...open, releases: [] })).toMatchObject({ ok: false, version: null });
  });
});
