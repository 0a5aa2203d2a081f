import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pinRequest, pinsQuery, putPartitionsRequest } from "@/lib/contract/partitions";
import { promoteRequest, rollbackRequest, stopRequest } from "@/lib/contract/rollouts";
import { parseEntry } from "@/lib/domain/ledger/entry";
import { putEnvironment } from "@/server/access/put-environment";
import type { Ctx } from "@/server/context";
import { AppError } from "@/server/errors";
import { endExpiredPins } from "@/server/jobs/watch-policies";
import { putPartitions } from "@/server/partitions/put-partitions";
import { previewRollout } from "@/server/rollouts/preview-rollout";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { readGate } from "@/server/rollouts/read-gate";
import { startRollback } from "@/server/rollouts/start-rollback";
import { startStop } from "@/server/rollouts/start-stop";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { FakeAgent, registerVersion, type FakeImage } from "@/server/testing/fake-fleet";
import { listPins } from "./list-pins";
import { pinPartition } from "./pin-partition";
import { unpinPartition } from "./unpin-partition";

let test: TestApp;
let ctx: Ctx;
let environment: string;
let marks = 0;
let image: FakeImage;
const service = "payments";
const HOUR_MS = 3_600_000;
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  await registerVersion(ctx, service, "1.0.0", { migrations: [] });
  image = await registerVersion(ctx, service, "2.0.0", { migrations: [] });
});
afterAll(() => test.drop());

/** 2.0.0 on a host in eu and on one that is in no partition. */
beforeEach(async () => {
  environment = `env-${(marks += 1)}`;
  await putEnvironment({ ctx, input: { name: environment, protected: false } });
  await promote("2.0.0", "default");
  const agent = await FakeAgent.make(test, environment);
  await agent.report({ key: "app", service, image, labels: { region: "eu-1" } }, { key: "rest", service, image });
  await putPartitions({ ctx, input: putPartitionsRequest.parse({ service, environment, partitions: [{ name: "eu", selector: { region: "eu-*" } }] }) });
});

const promote = (version: string, partition = "eu") => promoteRelease({ ctx, input: promoteRequest.parse({ service, environment, partition, version, strategy: "all-at-once" }) });
const pin = (more: Record<string, unknown> = {}, who = ctx) => pinPartition({ ctx: who, input: pinRequest.parse({ service, environment, partition: "eu", reason: "by contract", ...more }) });
const pins = async (state: "in-force" | "all" = "in-force") => (await listPins({ ctx, input: pinsQuery.parse({ environment, state }) })).items;
const entryOf = async (seq: number) => {
  const [row] = await test.db.$queryRaw<{ bytes: Uint8Array }[]>`SELECT bytes FROM ledger_entries WHERE seq = ${BigInt(seq)}`;
  return row ? parseEntry(row.bytes) : null;
};
const entries = async (): Promise<bigint> => (await test.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`)[0]?.size ?? 0n;
async function refused(work: Promise<unknown>): Promise<{ kind: string; type: string | undefined; message: string; fields: string[] }> {
  const error: unknown = await work.then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof AppError)) throw new Error(`not refused: ${String(error)}`);
  return { kind: error.kind, type: error.extras.type, message: error.message, fields: (error.extras.fields ?? []).map(({ path }) => path) };
}
const expire = (id: string) => test.db.$executeRaw`UPDATE pins SET created_at = created_at - interval '2 hours', expires_at = clock_timestamp() - interval '1 minute' WHERE id = ${id}::uuid`;

describe("a pin", () => {
  it("says what it keeps, why, by whom and until when", async () => {
    const until = soon(HOUR_MS);
    const placed = await pin({ expiresAt: until });
    expect(placed).toMatchObject({ service, environment, partition: "eu", state: "in-force", expiresAt: until, reason: "by contract", by: ctx.actor.name, assigned: { version: "2.0.0" } });
    expect(await pins()).toEqual([placed]);
    expect(await entryOf(placed.entry)).toMatchObject({ type: "pinned", payload: { pin: placed.id, partition: "eu", expiresAt: until, reasonHash: expect.any(String) } });
  });

  it("keeps promotions away, also for who names the partition, and the gate says so", async () => {
    await pin({ expiresAt: soon(HOUR_MS) });
    expect(await refused(promote("1.0.0"))).toMatchObject({ kind: "conflict", type: "pinned", message: expect.stringMatching(/^eu is pinned until .* \(by contract\)\. Unpin it first\.$/) });
    expect(await previewRollout({ ctx, input: { kind: "promote", service, environment, partition: "eu", version: "1.0.0" } })).toMatchObject({ allowed: false, reasons: [{ reason: "pinned" }], pin: { reason: "by contract" } });
    expect((await readGate({ ctx, input: { service, environment, partition: "eu", digest: image.digest } })).reasons.map(({ reason }) => reason)).toEqual(["pinned"]);
    expect((await readGate({ ctx, input: { service, environment, partition: "default", digest: image.digest } })).allowed).toBe(true);
  });

  it("lets a rollback through that names the partition, and says so before", async () => {
    await pin();
    const preview = await previewRollout({ ctx, input: { kind: "rollback", service, environment, partition: "eu", version: "1.0.0" } });
    expect(preview).toMatchObject({ allowed: true, reasons: [], warnings: expect.arrayContaining([{ reason: "pinned", sentence: "eu is pinned (by contract), and is touched only because you named it. The pin stays." }]) });
    expect(await startRollback({ ctx, input: rollbackRequest.parse({ service, environment, partition: "eu", version: "1.0.0", reason: "it breaks", revision: preview.revision }) })).toMatchObject({ kind: "rollback", partition: "eu" });
    expect(await pins()).toMatchObject([{ partition: "eu", assigned: { version: "1.0.0" } }]);
  });

  it("changes the view that somebody decides on", async () => {
    const { revision } = await previewRollout({ ctx, input: { kind: "rollback", service, environment, partition: "eu", version: "1.0.0" } });
    await pin();
    expect(await refused(startRollback({ ctx, input: rollbackRequest.parse({ service, environment, partition: "eu", version: "1.0.0", reason: "it breaks", revision }) }))).toMatchObject({ kind: "conflict", type: "stale-view" });
  });

  it("does not keep a stop away, and says that it is there", async () => {
    await pin();
    expect((await previewRollout({ ctx, input: { kind: "stop", service, environment, partition: "eu" } })).warnings.map(({ reason }) => reason)).toContain("pinned");
    expect(await startStop({ ctx, input: stopRequest.parse({ service, environment, partition: "eu", reason: "gone", confirm: service }) })).toMatchObject({ kind: "stop" });
  });

  it("ends by a person's word", async () => {
    const placed = await pin();
    const { entry } = await unpinPartition({ ctx, input: { pin: placed.id, reason: "signed" } });
    expect(await entryOf(entry)).toMatchObject({ type: "unpinned", payload: { pin: placed.id, placed: placed.entry, expired: false, reasonHash: expect.any(String) } });
    expect(await pins()).toEqual([]);
    expect(await pins("all")).toMatchObject([{ id: placed.id, state: "ended" }]);
    await expect(promote("1.0.0")).resolves.toMatchObject({ kind: "promote" });
    expect(await refused(unpinPartition({ ctx, input: { pin: placed.id, reason: "again" } }))).toMatchObject({ kind: "conflict", type: "not-pinned" });
  });

  it("ends by itself when its time is over, and the job notes it once", async () => {
    const placed = await pin({ expiresAt: soon(HOUR_MS) });
    await expire(placed.id);
    expect(await pins("all")).toMatchObject([{ id: placed.id, state: "expired" }]);
    expect(await refused(unpinPartition({ ctx, input: { pin: placed.id, reason: "late" } }))).toMatchObject({ kind: "conflict", message: "This pin has expired already." });
    await expect(promote("1.0.0")).resolves.toMatchObject({ kind: "promote" });
    expect(await endExpiredPins(test.app)).toBe(1);
    expect(await entryOf(Number(await entries()) - 1)).toMatchObject({ type: "unpinned", payload: { pin: placed.id, expired: true } });
    expect(await endExpiredPins(test.app)).toBe(0);
  });

  it("can be placed anew where one has expired before the job came by", async () => {
    await expire((await pin({ expiresAt: soon(HOUR_MS) })).id);
    await pin({ reason: "once more" });
    expect((await pins("all")).map(({ state }) => state).toSorted()).toEqual(["expired", "in-force"]);
  });

  it.each<[string, Record<string, unknown>, { kind: string; fields?: string[] }]>([
    ["an unknown service", { service: "nobody" }, { kind: "not-found" }],
    ["an unknown environment", { environment: "nowhere" }, { kind: "not-found" }],
    ["an unknown partition", { partition: "mars" }, { kind: "not-found" }],
    ["a time that is over", { expiresAt: "2020-01-01T00:00:00Z" }, { kind: "invalid", fields: ["expiresAt"] }],
    ["a secret in the reason", { reason: "AKIAIOSFODNN7EXAMPLE and aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }, { kind: "unprocessable" }],
  ])("is refused for %s, and nothing is written", async (_, more, expected) => {
    const size = await entries();
    expect(await refused(pin(more))).toMatchObject(expected);
    expect(await entries()).toBe(size);
  });

  it("stands once at a place, and only who may places or ends one", async () => {
    const placed = await pin();
    expect(await refused(pin())).toMatchObject({ kind: "conflict", type: "pinned" });
    const viewer = await test.ctx("viewer");
    expect(await refused(pin({ partition: "default" }, viewer))).toMatchObject({ kind: "forbidden" });
    expect(await refused(unpinPartition({ ctx: viewer, input: { pin: placed.id, reason: "mine" } }))).toMatchObject({ kind: "forbidden" });
  });
});
