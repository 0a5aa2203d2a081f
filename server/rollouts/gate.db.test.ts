import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placeFreezeRequest } from "@/lib/contract/freezes";
import { gateDto, gateQuery, type GateDto } from "@/lib/contract/gate";
import { placeHoldRequest } from "@/lib/contract/policies";
import type { Ctx } from "@/server/context";
import { placeFreeze } from "@/server/policies/place-freeze";
import { placeHold } from "@/server/policies/place-hold";
import { approveRelease } from "@/server/releases/approve-release";
import { recallRelease } from "@/server/releases/recall-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { liftHold } from "./lift-hold";
import { readGate } from "./read-gate";

let test: TestApp;
let ctx: Ctx;
let image: FakeImage;

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  image = await registerVersion(ctx, "payments", "1.0.0");
  await registerVersion(ctx, "ledger", "4.0.0");
});
afterAll(() => test.drop());

const gate = async (environment: string, more: Record<string, string> = {}): Promise<GateDto> => gateDto.parse(await readGate({ ctx, input: gateQuery.parse({ service: "payments", environment, digest: image.digest, ...more }) }));
const reasons = async (...asked: Parameters<typeof gate>): Promise<string[]> => (await gate(...asked)).reasons.map(({ reason }) => reason);
const rows = async (): Promise<unknown> => test.db.$queryRaw`SELECT (SELECT size FROM ledger_head), (SELECT count(*) FROM partitions), (SELECT count(*) FROM changes)`;

describe("the gate", () => {
  it("opens for an approved digest, whichever of the release's digests is named, and writes nothing", async () => {
    const before = await rows();
    expect(await gate("staging")).toMatchObject({ allowed: true, version: "1.0.0", reasons: [], partition: "default" });
    expect(await gate("staging", { digest: image.config })).toMatchObject({ allowed: true, version: "1.0.0" });
    expect(await rows()).toEqual(before);
  });

  it("says what is not known, and whose the bytes are", async () => {
    const stranger = fakeImage("nobody registered it").digest;
    expect(await gate("staging", { digest: stranger })).toMatchObject({ allowed: false, version: null, reasons: [{ reason: "release-unknown" }] });
    expect(await reasons("staging", { digest: fakeImage("ledger 4.0.0").digest })).toEqual(["wrong-service"]);
    expect(await reasons("nowhere")).toEqual(["environment-unknown"]);
    expect(await reasons("staging", { service: "nobody" })).toEqual(["service-unknown"]);
    expect(await reasons("staging", { partition: "acme" })).toEqual(["partition-unknown"]);
  });

  it("is shut where it is not approved, held, frozen or recalled: every reason in one answer, with what to do", async () => {
    expect(await reasons("production")).toEqual(["not-approved"]);
    await approveRelease({ ctx: await test.ctx(), input: { service: "payments", version: "1.0.0", environment: "production" } });
    expect(await reasons("production")).toEqual([]);
    await placeHold({ ctx, input: placeHoldRequest.parse({ service: "payments", environment: "production", reason: "incident" }) });
    await placeFreeze({ ctx, input: placeFreezeRequest.parse({ environment: "production", name: "year end", reason: "quiet", endsAt: new Date(Date.now() + 3_600_000).toISOString() }) });
    const shut = await gate("production");
    expect(shut.reasons.map(({ reason }) => reason)).toEqual(["held", "frozen"]);
    expect(shut.reasons.every(({ sentence }) => /^[A-Z].+\.$/.test(sentence))).toBe(true);
    expect(await reasons("staging")).toEqual([]);
    await liftHold({ ctx, input: { service: "payments", environment: "production", partition: "default", reason: "over" } });
    expect(await reasons("production")).toEqual(["frozen"]);
    await recallRelease({ ctx, input: { service: "payments", version: "1.0.0", reason: "leaks" } });
    expect(await reasons("staging")).toEqual(["recalled"]);
  });
});
