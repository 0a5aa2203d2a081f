import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { registerReleaseRequest } from "@/lib/contract/releases";
import { putEnvironment } from "@/server/access/put-environment";
import type { Ctx } from "@/server/context";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { fakeImage, registerVersion } from "@/server/testing/fake-fleet";
import { approveRelease } from "./approve-release";
import { getRelease, listReleases } from "./list-releases";
import { recallRelease } from "./recall-release";
import { registerRelease } from "./register-release";
import { withdrawApproval } from "./withdraw-approval";

const sha = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

let test: TestApp;
let ctx: Ctx;
beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());

const rows = async (): Promise<number> => Number((await test.db.$queryRaw<{ n: bigint }[]>`SELECT (SELECT size FROM ledger_head) + (SELECT count(*) FROM releases) + (SELECT count(*) FROM artifacts) + (SELECT count(*) FROM approvals) AS n`)[0]?.n);
const register = (component: Record<string, unknown>, version = "1.0.0") => registerRelease({ ctx, input: registerReleaseRequest.parse({ service: "multi", version, components: [component] }) });

describe("registering", () => {
  it("brings the service with its partitions into being, and answers the same release again", async () => {
    const first = await registerVersion(ctx, "payments", "1.0.0");
    const size = await rows();
    const again = await registerVersion(ctx, "payments", "1.0.0");
    expect(first.created).toBe(true);
    expect(again).toMatchObject({ created: false, id: first.id });
    expect(await rows()).toBe(size);
    expect(await test.db.$queryRaw`SELECT 1 FROM partitions p JOIN services s ON s.id = p.service_id WHERE s.name = 'payments'`).toHaveLength(3);
    expect((await getRelease({ ctx, input: { id: first.id } })).components[0]?.digests.map(({ kind }) => kind).toSorted()).toEqual(["config", "manifest"]);
  });

  it("keeps one release of many that register it at once", async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => registerVersion(ctx, "racing", "1.0.0")));
    expect(new Set(results.map(({ id }) => id)).size).toBe(1);
    expect(results.filter(({ created }) => created)).toHaveLength(1);
  });

  it("refuses the same version with other bytes", async () => {
    const other = fakeImage("other");
    const input = registerReleaseRequest.parse({ service: "payments", version: "1.0.0", components: [{ digest: other.digest, manifests: other.manifests }] });
    const size = await rows();
    await expect(registerRelease({ ctx, input })).rejects.toMatchObject({ kind: "conflict", extras: { type: "release-exists" } });
    expect(await rows()).toBe(size);
  });

  it("derives aliases from an index: platforms and configurations, never attestations", async () => {
    const config = sha(Buffer.from("amd64 config"));
    const amd64 = json({ schemaVersion: 2, config: { digest: config, size: 1 }, layers: [] });
    const arm64 = sha(Buffer.from("arm64, bytes not sent"));
    const attestation = sha(Buffer.from("provenance"));
    const index = json({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        { digest: sha(amd64), size: 1, platform: { os: "linux", architecture: "amd64" } },
        { digest: arm64, size: 1, platform: { os: "linux", architecture: "arm64", variant: "v8" } },
        { digest: attestation, size: 1, platform: { os: "unknown", architecture: "unknown" }, annotations: { "vnd.docker.reference.type": "attestation-manifest" } },
      ],
    });
    const { release } = await register({ digest: sha(index), manifests: [index, amd64].map((bytes) => ({ bytes: bytes.toString("base64") })) });
    expect(release.components[0]?.digests).toEqual(
      expect.arrayContaining([
        { digest: sha(index), kind: "index", platform: "" },
        { digest: sha(amd64), kind: "manifest", platform: "linux/amd64" },
        { digest: config, kind: "config", platform: "linux/amd64" },
        { digest: arm64, kind: "manifest", platform: "linux/arm64/v8" },
      ]),
    );
    expect(release.components[0]?.digests).toHaveLength(4);
  });

  it.each([
    ["a digest that is nobody's hash", { digest: `sha256:${"0".repeat(64)}`, manifests: fakeImage("x").manifests }, "components[0].digest"],
    ["no bytes at all", { digest: `sha256:${"0".repeat(64)}` }, "components[0].manifests"],
    ["bytes that nothing refers to", { digest: fakeImage("x").digest, manifests: [...fakeImage("x").manifests, ...fakeImage("y").manifests] }, "components[0].manifests[1]"],
    ["bytes that are no manifest", { digest: sha(json({ hello: 1 })), manifests: [{ bytes: json({ hello: 1 }).toString("base64") }] }, "components[0].manifests[0]"],
    ["bytes that are not JSON", { digest: sha(Buffer.from("{")), manifests: [{ bytes: Buffer.from("{").toString("base64") }] }, "components[0].manifests[0]"],
  ])("refuses %s", async (_name, component, path) => {
    const size = await rows();
    await expect(register(component, "2.0.0")).rejects.toMatchObject({ kind: "unprocessable", extras: { fields: [{ path }] } });
    expect(await rows()).toBe(size);
  });

  it("takes a file by its own digest", async () => {
    const digest = `sha256:${"ab".repeat(32)}`;
    const { release } = await registerRelease({ ctx, input: registerReleaseRequest.parse({ service: "plain", version: "1", components: [{ digest, file: true }] }) });
    expect(release.components[0]?.digests).toEqual([{ digest, kind: "file", platform: "" }]);
  });

  it("needs the publisher's role for this service, and lists only what one may see", async () => {
    const web = await test.ctxWith([{ role: "publisher", service: "web", environment: "*", expiresAt: null }]);
    await expect(registerVersion(web, "payments", "9.0.0")).rejects.toMatchObject({ kind: "forbidden" });
    await registerVersion(web, "web", "1.0.0");
    const { items } = await listReleases({ ctx: web, input: { limit: 100 } });
    expect(items.map(({ service }) => service)).toEqual(["web"]);
  });
});

describe("four eyes", () => {
  const approve = (who: Ctx, environment = "production") => approveRelease({ ctx: who, input: { service: "payments", version: "1.0.0", environment } });
  const asToken = async (person: Ctx): Promise<Ctx> => {
    const [row] = await test.db.$queryRaw<{ id: string }[]>`
      INSERT INTO actors (kind, display_name, person_id) VALUES ('token', 'ci', ${person.actor.personId}::uuid) RETURNING id`;
    return { ...person, actor: { ...person.actor, id: row?.id ?? "", kind: "token" } };
  };

  it("refuses the registrant, whatever token is used, and the database refuses it too", async () => {
    const size = await rows();
    await expect(approve(ctx)).rejects.toMatchObject({ kind: "forbidden", extras: { type: "four-eyes" } });
    await expect(approve(await asToken(ctx))).rejects.toMatchObject({ extras: { type: "four-eyes" } });
    expect(await rows()).toBe(size);
    const [release] = await test.db.$queryRaw<{ id: string }[]>`SELECT r.id FROM releases r JOIN services s ON s.id = r.service_id WHERE s.name = 'payments'`;
    await expect(test.db.$executeRaw`
      INSERT INTO approvals (release_id, environment_id, actor_id, person_id, entry_seq)
      SELECT ${release?.id}::uuid, id, ${ctx.actor.id}::uuid, ${ctx.actor.id}::uuid, 0 FROM environments WHERE name = 'production'`).rejects.toThrow(/cannot approve/);
  });

  it("refuses an author and who triggered it, known by their address", async () => {
    const author = await test.ctx();
    await test.db.$executeRaw`UPDATE actors SET email = 'ada@example.org' WHERE id = ${author.actor.id}::uuid`;
    await registerVersion(ctx, "payments", "1.1.0", { authors: ["Ada <Ada@example.org>"], triggeredBy: "someone" });
    await expect(approveRelease({ ctx: author, input: { service: "payments", version: "1.1.0", environment: "production" } })).rejects.toMatchObject({ extras: { type: "four-eyes" } });
  });

  it("counts another person once, also through a token, until it is withdrawn", async () => {
    const other = await test.ctx("approver");
    expect(await approve(other)).toMatchObject({ standing: 1, required: 1, approved: true });
    expect(await approve(await asToken(other))).toMatchObject({ standing: 1 });
    expect(await withdrawApproval({ ctx: other, input: { service: "payments", version: "1.0.0", environment: "production", reason: "flaky" } })).toMatchObject({ standing: 0, approved: false });
    await expect(withdrawApproval({ ctx: other, input: { service: "payments", version: "1.0.0", environment: "production", reason: "flaky" } })).rejects.toMatchObject({ kind: "conflict" });
    expect(await approve(other)).toMatchObject({ approved: true });
  });

  it("lets everybody approve where nothing is protected, and nobody without the role", async () => {
    expect(await approve(ctx, "staging")).toMatchObject({ required: 0, approved: true });
    await expect(approve(await test.ctx("viewer"), "staging")).rejects.toMatchObject({ kind: "forbidden" });
    await expect(approveRelease({ ctx, input: { service: "payments", version: "nope", environment: "staging" } })).rejects.toMatchObject({ kind: "not-found" });
  });

  it("counts no approval of one's own that was given before the environment was protected, and none of a token that nobody stands behind", async () => {
    const admin = await test.ctx("admin");
    await putEnvironment({ ctx: admin, input: { name: "staging", protected: false } });
    await putEnvironment({ ctx: admin, input: { name: "staging", protected: true, requiredApprovals: 1 } });
    const inStaging = async () => (await listReleases({ ctx, input: { service: "payments", limit: 100 } })).items.find(({ version }) => version === "1.0.0")?.approvals.find(({ environment }) => environment === "staging");
    expect(await inStaging()).toMatchObject({ standing: 0, approved: false });
    const [token] = await test.db.$queryRaw<{ id: string }[]>`INSERT INTO actors (kind, display_name) VALUES ('token', 'set-up') RETURNING id`;
    const id = token?.id ?? "";
    const nobody: Ctx = { ...ctx, actor: { ...ctx.actor, id, kind: "token", personId: id } };
    await expect(approve(nobody, "staging")).rejects.toMatchObject({ kind: "forbidden", extras: { reasons: [{ reason: "no-person" }] } });
    await expect(test.db.$executeRaw`
      INSERT INTO approvals (release_id, environment_id, actor_id, person_id, entry_seq)
      SELECT r.id, e.id, ${id}::uuid, ${id}::uuid, 0 FROM environments e, releases r JOIN services s ON s.id = r.service_id WHERE e.name = 'staging' AND s.name = 'payments' LIMIT 1`).rejects.toThrow(/needs a person/);
    expect(await approve(await test.ctx("approver"), "staging")).toMatchObject({ standing: 1, approved: true });
  });

  it("recalls once, and approves nothing that is recalled", async () => {
    const first = await recallRelease({ ctx, input: { service: "payments", version: "1.1.0", reason: "CVE" } });
    expect(await recallRelease({ ctx, input: { service: "payments", version: "1.1.0", reason: "again" } })).toMatchObject({ entry: first.entry });
    const other = await test.ctx("approver");
    await expect(approveRelease({ ctx: other, input: { service: "payments", version: "1.1.0", environment: "production" } })).rejects.toMatchObject({ kind: "conflict", extras: { type: "recalled" } });
  });
});
