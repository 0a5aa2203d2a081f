import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findingsQuery } from "@/lib/contract/fleet";
import { putAuthorityRequest } from "@/lib/contract/authority";
import { announceRequest } from "@/lib/contract/deployments";
import { approveRequest, recallRequest } from "@/lib/contract/releases";
import { ROLES } from "@/lib/domain/access/roles";
import { putAuthority } from "@/server/authority/put-authority";
import { listPartitions } from "@/server/partitions/list-partitions";
import { approveRelease } from "@/server/releases/approve-release";
import { recallRelease } from "@/server/releases/recall-release";
import { announceDeployment } from "@/server/rollouts/external/announce-deployment";
import { readGate } from "@/server/rollouts/read-gate";
import { promoteRequest } from "@/lib/contract/rollouts";
import { placeFreezeRequest } from "@/lib/contract/freezes";
import { pinRequest } from "@/lib/contract/partitions";
import { serviceNamesDto } from "@/lib/contract/services";
import type { Ctx } from "@/server/context";
import { buildDesired } from "@/server/desired/build-desired";
import { readProjection } from "@/server/desired/read-projection";
import { getService } from "@/server/drift/get-service";
import { listFindings } from "@/server/drift/list-findings";
import { listServices } from "@/server/drift/list-services";
import { readDoctor } from "@/server/drift/read-doctor";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { pinPartition } from "@/server/policies/pin-partition";
import { placeFreeze } from "@/server/policies/place-freeze";
import { placeHold } from "@/server/policies/place-hold";
import { unpinPartition } from "@/server/policies/unpin-partition";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { aliasService } from "./alias-service";
import { mergeService } from "./merge-service";
import { renameService } from "./rename-service";
import { unaliasService } from "./unalias-service";

let test: TestApp;
let ctx: Ctx;
beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
});
afterAll(() => test.drop());

const reason = "because";

const image = (name: string) => makeImage(`registry.test/acme/${name}`, name);
const promote = (service: string, version = "1.0.0") => promoteRelease({ ctx, input: promoteRequest.parse({ service, environment: "dev", partition: "default", version, strategy: "all-at-once" }) });
const endRollouts = () => test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;

async function run(agent: TestAgent, copies: Record<string, { service: string; image: ReturnType<typeof makeImage> }>): Promise<void> {
  const all = Object.entries(copies).map(([key, one], at) => ({ ...container(key, { labels: { "plumbline.service": one.service }, image: at }), bytes: pulled(one.image) }));
  await agent.report({ images: all.map(({ bytes }) => bytes), targets: all.map(({ target }) => target), instances: all.map(({ instance }) => instance) });
}

async function servicesOf(agent: TestAgent): Promise<Record<string, string>> {
  const rows = await test.db.$queryRaw<{ key: string; said: string }[]>`
    SELECT t.key, concat_ws(' ', c.service_name, t.service_name, s.name, c.categories[1]) AS said FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN targets t ON t.id = i.target_id
    LEFT JOIN services s ON s.id = c.service_id JOIN agent_scopes g ON g.id = i.agent_scope_id WHERE g.agent_id = ${agent.id}::uuid ORDER BY 1`;
  return Object.fromEntries(rows.map(({ key, said }) => [key, said]));
}

describe("another name", () => {
  it("is the service's from then on; the old one means it, and what was decided stays decided", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "renaming" });
    const [old, strange] = [image("cart"), image("cart-strange")];
    await registerVersion(test, { service: "cart", version: "1.0.0", image: old });
    await run(agent, { "cart-1": { service: "cart", image: old }, "basket-1": { service: "basket", image: old }, "cart-2": { service: "cart", image: strange } });
    await promote("cart");
    await expect(renameService({ ctx, service: "cart", input: { to: "basket", reason } })).rejects.toMatchObject({ kind: "conflict", message: expect.stringMatching(/^Rollout \d+ of cart in dev is under way/) });
    await endRollouts();
    const found = async (service: string) => (await listFindings({ ctx, input: findingsQuery.parse({ service }) })).groups.map(({ kind }) => kind);
    expect(await found("cart")).toEqual(["unknown-artifact"]);

    expect(serviceNamesDto.parse(await renameService({ ctx, service: "cart", input: { to: "basket", reason } }))).toMatchObject({ service: "basket", aliases: ["cart"] });
    // A copy that was called so is the service's, and runs what is assigned.
    expect(await servicesOf(agent)).toEqual({ "basket-1": "basket basket basket in-sync", "cart-1": "basket basket basket in-sync", "cart-2": "basket basket basket unknown-artifact" });
    expect(await found("basket")).toEqual(["unknown-artifact"]);
    expect(await getService({ ctx, input: { service: "cart" } })).toMatchObject({ name: "basket", adopted: true });
    // Who may see what is called as it was sees no more than that.
    const former = await test.ctxWith([{ role: "viewer", service: "cart", environment: "*", expiresAt: null }]);
    await expect(getService({ ctx: former, input: { service: "cart" } })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(readDoctor({ ctx: former, input: { service: "cart" } })).rejects.toMatchObject({ kind: "forbidden" });
    await run(agent, { "cart-3": { service: "cart", image: old } });
    expect((await servicesOf(agent))["cart-3"]).toMatch(/^basket basket basket/);

    // What an agent is told stands in an entry under the old name, and is still told.
    await signCheckpoint(test.app);
    const projection = await readProjection(test.app, agent.id, 0);
    expect(projection?.targets.map(({ service, otherNames }) => [service, otherNames])).toContainEqual(["basket", ["cart"]]);
    const document = projection && (await buildDesired(test.app, projection, { agentId: agent.id, nonce: "a".repeat(22), seen: 0 }));
    expect(document?.document).toContain('"target":"cart-1"');

    await renameService({ ctx, service: "cart", input: { to: "cart", reason } });
    expect(await getService({ ctx, input: { service: "basket" } })).toMatchObject({ name: "cart" });
    await expect(renameService({ ctx, service: "cart", input: { to: "cart", reason } })).rejects.toMatchObject({ message: "cart is its name already." });
    await expect(renameService({ ctx, service: "nobody", input: { to: "somebody", reason } })).rejects.toMatchObject({ kind: "not-found" });
  });

  it("may be one more, which no other service has", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "aliasing" });
    await registerVersion(test, { service: "search", version: "1.0.0", image: image("search") });
    await registerVersion(test, { service: "index", version: "1.0.0", image: image("index") });
    await run(agent, { "finder-1": { service: "finder", image: image("search") } });
    expect((await servicesOf(agent))["finder-1"]).toMatch(/^finder finder not-adopted/);
    expect(await aliasService({ ctx, service: "search", input: { alias: "finder", reason } })).toMatchObject({ service: "search", aliases: ["finder"] });
    expect((await servicesOf(agent))["finder-1"]).toMatch(/^search search search/);
    await expect(aliasService({ ctx, service: "search", input: { alias: "index", reason } })).rejects.toMatchObject({ kind: "conflict", message: "index means index. To make one of both: plumbline service merge index search." });
    await expect(aliasService({ ctx, service: "index", input: { alias: "finder", reason } })).rejects.toMatchObject({ kind: "conflict" });
    await expect(aliasService({ ctx, service: "finder", input: { alias: "search", reason } })).rejects.toMatchObject({ message: "search means search already." });
    await expect(renameService({ ctx, service: "index", input: { to: "finder", reason } })).rejects.toMatchObject({ message: expect.stringContaining("finder means search already") });
  });

  it("that was added can be given up; one that was its own cannot", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "giving-up" });
    await registerVersion(test, { service: "ship", version: "1.0.0", image: image("ship") });
    await aliasService({ ctx, service: "ship", input: { alias: "boat", reason } });
    await run(agent, { "boat-1": { service: "boat", image: image("ship") }, "ship-1": { service: "ship", image: image("ship") } });
    await promote("ship");
    const giveUp = (alias: string, service = "ship") => unaliasService({ ctx, service, input: { alias, reason } });
    await expect(giveUp("boat")).rejects.toMatchObject({ kind: "conflict", extras: { type: "rollout-active" } });
    expect((await servicesOf(agent))["boat-1"]).toMatch(/^ship ship ship/);
    await endRollouts();
    expect(await giveUp("boat", "boat")).toMatchObject({ service: "ship", aliases: [] });
    const said = await servicesOf(agent);
    expect(said["boat-1"]).toBe("boat boat not-adopted");
    expect(said["ship-1"]).toMatch(/^ship ship ship/);
    await expect(getService({ ctx, input: { service: "boat" } })).resolves.toMatchObject({ name: "boat", adopted: false });
    await expect(giveUp("boat")).rejects.toMatchObject({ kind: "conflict", message: "boat does not mean ship." });
    await expect(giveUp("ship")).rejects.toMatchObject({ message: "ship is its own name. To call it something else: plumbline service rename ship …" });
    await expect(giveUp("ship", "nobody")).rejects.toMatchObject({ kind: "not-found" });

    await aliasService({ ctx, service: "ship", input: { alias: "vessel", reason } });
    expect(await getService({ ctx, input: { service: "ship" } })).toMatchObject({ aliases: ["vessel"], addedNames: ["vessel"] });
    await renameService({ ctx, service: "ship", input: { to: "vessel", reason } });
    expect(await getService({ ctx, input: { service: "ship" } })).toMatchObject({ name: "vessel", aliases: ["ship"], addedNames: [] });
    await expect(giveUp("ship", "vessel")).rejects.toMatchObject({ kind: "conflict", message: "ship was a service's own name: decisions in the ledger are written under it, so it goes on meaning vessel." });
    // It was only added before; now decisions may have been made under it.
    await renameService({ ctx, service: "vessel", input: { to: "ship", reason } });
    await expect(giveUp("vessel")).rejects.toMatchObject({ message: expect.stringContaining("vessel was a service's own name") });
    await expect(unaliasService({ ctx: await test.ctx("operator"), service: "ship", input: { alias: "vessel", reason } })).rejects.toMatchObject({ kind: "forbidden" });
  });
});

describe("one service of two", () => {
  it("takes what runs, the names, and the releases of the other where they are judged", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "merging" });
    await registerVersion(test, { service: "mail", version: "1.0.0", image: image("mail") });
    await registerVersion(test, { service: "mailer", version: "1.0.0", image: image("mail") });
    await registerVersion(test, { service: "mailer", version: "0.9.0", image: image("mail-old") });
    await run(agent, { "mail-1": { service: "mail", image: image("mail") }, "mailer-1": { service: "mailer", image: image("mail") }, "mailer-2": { service: "mailer", image: image("mail-old") } });
    await promote("mailer");
    await endRollouts();
    await expect(mergeService({ ctx, service: "mailer", input: { into: "mail", reason } })).rejects.toMatchObject({
      kind: "conflict", message: "mailer is assigned 1.0.0 in dev, and mail nothing. Register and assign the same bytes as mail first.",
    });
    await promote("mail");
    await expect(mergeService({ ctx, service: "mailer", input: { into: "mail", reason } })).rejects.toMatchObject({ message: expect.stringContaining("is under way") });
    await endRollouts();
    await mergeService({ ctx, service: "mailer", input: { into: "mail", reason } });
    const said = await servicesOf(agent);
    expect(said["mailer-1"]).toMatch(/^mail mail mail in-sync$/);
    expect(said["mailer-2"]).toMatch(/^mail mail mail (ahead|behind)$/);
    expect((await listServices({ ctx, input: { limit: 100 } })).items.map(({ name }) => name).filter((name) => name.startsWith("mail"))).toEqual(["mail"]);
    expect(await getService({ ctx, input: { service: "mailer" } })).toMatchObject({ name: "mail" });
    for (const [from, into] of [["mail", "mailer"], ["mailer", "mail"], ["mail", "mail"]] as const) {
      await expect(mergeService({ ctx, service: from, input: { into, reason } })).rejects.toMatchObject({ kind: "conflict", message: `${from} and ${into} are one service already.` });
    }
  });

  it("takes what was decided for the other and carries no label, whatever runs there", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "unlabelled" });
    const bytes = image("post");
    const runs = (running: ReturnType<typeof makeImage>) => {
      const { target, instance } = container("post-1");
      return agent.report({ images: [pulled(running)], targets: [target], instances: [instance] });
    };
    await registerVersion(test, { service: "post", version: "1.0.0", image: bytes });
    await registerVersion(test, { service: "postal", version: "1.0.0", image: bytes });
    await runs(bytes);
    await promote("post");
    await promote("postal");
    await endRollouts();
    await runs(image("post-strange"));
    expect(await servicesOf(agent)).toEqual({ "post-1": "post post post unknown-artifact" });
    await mergeService({ ctx, service: "post", input: { into: "postal", reason } });
    expect(await servicesOf(agent)).toEqual({ "post-1": "postal postal postal unknown-artifact" });
    expect((await listFindings({ ctx, input: findingsQuery.parse({ service: "postal" }) })).groups.map(({ kind, service }) => [kind, service])).toEqual([["unknown-artifact", "postal"]]);
    expect(await test.db.$queryRaw`SELECT count(*)::int AS left FROM findings f JOIN targets t ON t.id = f.target_id WHERE f.resolved_at IS NULL AND f.service_id IS DISTINCT FROM t.service_id`).toEqual([{ left: 0 }]);
  });

  it("is not made where a hold, a pin or a freeze of the one would be lost", async () => {
    for (const service of ["fax", "telefax"]) {
      await registerVersion(test, { service, version: "1.0.0", image: image("fax") });
      await promote(service);
    }
    await endRollouts();
    const place = { environment: "dev", partition: "default" };
    const merge = () => mergeService({ ctx, service: "fax", input: { into: "telefax", reason } });
    const hold = (service: string) => placeHold({ ctx, input: { ...place, service, reason } });
    const pin = (service: string, expiresAt: Date) => pinPartition({ ctx, input: pinRequest.parse({ ...place, service, reason, expiresAt: expiresAt.toISOString() }) });
    const freeze = (service: string, endsAt: Date) => placeFreeze({ ctx, input: placeFreezeRequest.parse({ environment: "dev", service, name: "holidays", endsAt: endsAt.toISOString(), reason }) });
    const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000);
    await hold("fax");
    await pin("fax", inHours(2));
    await freeze("fax", inHours(2));
    const sentences = ["Promotions of fax are held in dev: hold telefax there too, or lift the hold first.", "fax is pinned in dev: pin telefax there for as long, or unpin it first.", "fax is frozen in dev (holidays): freeze telefax there for as long, or lift the freeze first."];
    await expect(merge()).rejects.toMatchObject({ kind: "conflict", extras: { type: "policies-conflict", reasons: expect.arrayContaining(sentences.map((sentence) => ({ reason: "policies-conflict", sentence }))) } });
    await hold("telefax");
    const shorter = await pin("telefax", inHours(1));
    await freeze("telefax", inHours(3));
    await expect(merge()).rejects.toMatchObject({ message: sentences[1] });
    await unpinPartition({ ctx, input: { pin: shorter.id, reason } });
    await pin("telefax", inHours(2));
    await merge();
    const standing = await test.db.$queryRaw<{ service: string; what: string }[]>`
      SELECT s.name::text AS service, k.what FROM (
        SELECT service_id, 'hold' AS what FROM holds WHERE lifted_at IS NULL UNION ALL SELECT service_id, 'pin' FROM pins WHERE ended_at IS NULL UNION ALL SELECT service_id, 'freeze' FROM freezes WHERE lifted_at IS NULL) k
      JOIN services s ON s.id = k.service_id ORDER BY 1, 2`;
    expect(standing).toEqual(["freeze", "hold", "pin"].map((what) => ({ service: "telefax", what })));
  });

  it("is one with what was merged into it before", async () => {
    const agent = await enrolTestAgent(test, { environments: ["dev"], name: "chained" });
    for (const service of ["sms", "text", "chat"]) await registerVersion(test, { service, version: "1.0.0", image: image(service) });
    await promote("chat");
    await endRollouts();
    await mergeService({ ctx, service: "sms", input: { into: "text", reason } });
    await mergeService({ ctx, service: "text", input: { into: "chat", reason } });
    await run(agent, { "sms-1": { service: "sms", image: image("sms") }, "text-1": { service: "text", image: image("text") } });
    const { target, instance } = container("sms-2");
    await agent.report({ images: [pulled(image("sms"))], targets: [target], instances: [instance] });
    const said = await servicesOf(agent);
    for (const key of ["sms-1", "sms-2", "text-1"]) expect(said[key], key).toMatch(/^chat chat chat (ahead|behind|unexpected)$/);
    expect(await getService({ ctx, input: { service: "sms" } })).toMatchObject({ name: "chat" });
  });
});

describe("another name", () => {
  it("leads nobody to where he may nothing under the service's own", async () => {
    await registerVersion(test, { service: "vault", version: "1.0.0", image: image("vault") });
    await aliasService({ ctx, service: "vault", input: { alias: "pay-vault", reason } });
    await putAuthority({ ctx, input: putAuthorityRequest.parse({ service: "vault", environment: "staging", authority: "external" }) });
    const held = (pattern: string) => test.ctxWith(ROLES.map((role) => ({ role, service: pattern, environment: "*", expiresAt: null })));
    const [narrow, right] = [await held("pay-*"), await held("*")];
    const named = { service: "pay-vault", environment: "dev" };
    const acts: Record<string, (by: Ctx) => Promise<unknown>> = {
      announce: (by) => announceDeployment({ ctx: by, input: announceRequest.parse({ ...named, environment: "staging", version: "1.0.0", externalId: "run-1", status: "started" }) }),
      authority: (by) => putAuthority({ ctx: by, input: putAuthorityRequest.parse({ ...named, environment: "staging", authority: "external" }) }),
      promote: (by) => promoteRelease({ ctx: by, input: promoteRequest.parse({ ...named, version: "1.0.0", partition: "default" }) }),
      "promote everywhere": (by) => promoteRelease({ ctx: by, input: promoteRequest.parse({ ...named, version: "1.0.0" }) }),
      preview: (by) => readGate({ ctx: by, input: { ...named, partition: "default", digest: `sha256:${"0".repeat(64)}` } }),
      hold: (by) => placeHold({ ctx: by, input: { ...named, partition: "default", reason } }),
      freeze: (by) => placeFreeze({ ctx: by, input: placeFreezeRequest.parse({ ...named, name: "night", endsAt: new Date(Date.now() + 60_000).toISOString(), reason }) }),
      partitions: (by) => listPartitions({ ctx: by, input: named }),
      approve: (by) => approveRelease({ ctx: by, input: approveRequest.parse({ ...named, version: "1.0.0" }) }),
      recall: (by) => recallRelease({ ctx: by, input: recallRequest.parse({ service: "pay-vault", version: "1.0.0", reason }) }),
    };
    for (const [name, act] of Object.entries(acts)) await expect(act(narrow), name).rejects.toMatchObject({ kind: name === "promote everywhere" ? expect.stringMatching(/^(forbidden|not-found)$/) : "forbidden" });
    for (const [name, act] of Object.entries(acts)) await expect(act(right).then(() => "done", String), name).resolves.not.toContain("needs the role");
  });
});
