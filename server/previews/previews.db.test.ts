import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPoolRequest } from "@/lib/contract/access";
import { enrolRequest, inventoryReport, type InventoryReportInput } from "@/lib/contract/agent";
import { findingsQuery, matrixDto } from "@/lib/contract/fleet";
import { putMappingRequest } from "@/lib/contract/mapping";
import { putPreviewRuleRequest } from "@/lib/contract/previews";
import { promoteRequest } from "@/lib/contract/rollouts";
import { createEnrolment } from "@/server/access/create-enrolment";
import { createPool } from "@/server/access/create-pool";
import { putEnvironment } from "@/server/access/put-environment";
import type { Ctx } from "@/server/context";
import { getMatrix } from "@/server/drift/get-matrix";
import { getStatus } from "@/server/drift/get-status";
import { listFindings } from "@/server/drift/list-findings";
import { enrolAgent } from "@/server/inventory/enrol-agent";
import { leaveFleet } from "@/server/inventory/leave-fleet";
import { recordInventory } from "@/server/inventory/record-inventory";
import { endPreviews } from "@/server/jobs/end-previews";
import { getMapping } from "@/server/mapping/get-mapping";
import { putMapping } from "@/server/mapping/put-mapping";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { approveRelease } from "@/server/releases/approve-release";
import { renameService } from "@/server/services/rename-service";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, makeImage, pulled, registerVersion } from "@/server/testing/inventory";
import { listPreviewRules } from "./list-preview-rules";
import { putPreviewRule } from "./put-preview-rule";
import { removePreviewRule } from "./remove-preview-rule";

let test: TestApp;
let admin: Ctx;
const image = makeImage("registry.test/acme/shop", "1.0.0");
const wild = makeImage("registry.test/acme/shop", "pull request");
const hours = (count: number) => new Date(Date.now() + count * 3_600_000);

beforeAll(async () => {
  test = await createTestApp();
  admin = await test.ctx();
  await registerVersion(test, { service: "shop", version: "1.0.0", image });
  await createPool({ ctx: admin, input: createPoolRequest.parse({ name: "previews", environments: ["dev"], ephemeral: true }) });
  await createPool({ ctx: admin, input: createPoolRequest.parse({ name: "others", environments: ["dev"] }) });
  await putRule({});
});
afterAll(() => test.drop());

const putRule = (more: Record<string, unknown>) => putPreviewRule({ ctx: admin, input: putPreviewRuleRequest.parse({ pattern: "pr-*", template: "staging", ttlMinutes: 60, maxEnvironments: 3, pools: ["previews"], ...more }) });

async function putRules(names: string[]): Promise<void> {
  const { version } = await getMapping({ ctx: admin });
  await putMapping({ ctx: admin, input: putMappingRequest.parse({ set: { rules: names.map((name) => ({ name, match: { container: "nobody" }, ignore: "a test" })), aliases: {} }, version, reason: "a test" }) });
}

type Host = { id: string; ctx: Ctx; report: (environments: Record<string, typeof image>, at?: Date) => Promise<void> };
let hosts = 0;
async function enrol(pool = "previews"): Promise<Host> {
  hosts += 1;
  const { token } = await createEnrolment({ ctx: admin, input: { pool, expiresInHours: 1, maxUses: 1 } });
  const { agent: id } = await enrolAgent({ ctx: admin, input: enrolRequest.parse({ v: 1, token, name: `host-${hosts}`, runtime: "docker", agentVersion: "1" }) });
  const ctx: Ctx = { ...test.app, actor: { id, kind: "agent", name: "host", personId: id, roles: [] }, requestId: "test" };
  let seq = 0;
  return {
    id,
    ctx,
    report: async (environments, at = new Date()) => {
      seq += 1;
      const copies = Object.entries(environments).map(([environment, bytes]) => ({ bytes, ...container(`shop-${environment}`, { labels: { "plumbline.service": "shop", "plumbline.environment": environment } }) }));
      const report: InventoryReportInput = {
        v: 1, bootId: `boot-of-${id}`, seq, observedAt: at.toISOString(), scope: "engine", kind: "full", coverage: { complete: true, errors: [] },
        images: copies.map(({ bytes }) => pulled(bytes)), targets: copies.map(({ target }) => target), instances: copies.map(({ instance }, image) => ({ ...instance, image })),
      };
      await recordInventory({ ctx, now: at, input: inventoryReport.parse(report) });
    },
  };
}

const environments = () => test.db.$queryRaw<{ name: string; template: string | null; mode: string; approvals: number }[]>`
  SELECT e.name::text, t.name::text AS template, e.mode, e.required_approvals AS approvals FROM environments e LEFT JOIN environments t ON t.id = e.template_id WHERE e.kind = 'preview' AND e.retired_at IS NULL ORDER BY 1`;
const where = (agent: Host) => test.db.$queryRaw<{ key: string; environment: string }[]>`
  SELECT t.key, e.name::text AS environment FROM targets t JOIN environments e ON e.id = t.environment_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid AND t.gone_at IS NULL ORDER BY 1`;
const entries = async (since: bigint) => (await test.db.$queryRaw<{ type: string; actor: string }[]>`
  SELECT l.type, a.kind AS actor FROM ledger_entries l JOIN actors a ON a.id = l.actor_id WHERE l.seq >= ${since} ORDER BY l.seq`).map(({ type, actor }) => `${type} ${actor}`);
const head = async () => (await test.db.$queryRaw<{ size: bigint }[]>`SELECT size FROM ledger_head`)[0]?.size ?? 0n;

describe("a preview", () => {
  it("is there with the first report that names it, as its template is, and is recorded", async () => {
    await putEnvironment({ ctx: admin, input: { name: "staging", mode: "enforce", requiredApprovals: 1 } });
    const since = await head();
    const agent = await enrol();
    await agent.report({ "pr-1": image, "pr-2": wild });
    expect(await environments()).toEqual([{ name: "pr-1", template: "staging", mode: "enforce", approvals: 1 }, { name: "pr-2", template: "staging", mode: "enforce", approvals: 1 }]);
    expect(await where(agent)).toEqual([{ key: "shop-pr-1", environment: "pr-1" }, { key: "shop-pr-2", environment: "pr-2" }]);
    expect((await entries(since)).filter((entry) => entry.startsWith("environment"))).toEqual(["environment-created system", "environment-created system"]);
    const again = await head();
    await agent.report({ "pr-1": image, "pr-2": wild });
    expect(await head()).toBe(again);
    await putEnvironment({ ctx: admin, input: { name: "staging", mode: "observe" } });
    expect((await environments()).map(({ mode }) => mode)).toEqual(["observe", "observe"]);
    await expect(putEnvironment({ ctx: admin, input: { name: "pr-1", mode: "enforce" } })).rejects.toMatchObject({ kind: "conflict", extras: { type: "follows-template" } });
  });

  it("counts approvals for its template", async () => {
    await approveRelease({ ctx: await test.ctx(), input: { service: "shop", version: "1.0.0", environment: "staging" } });
    const agent = await enrol();
    await agent.report({ "pr-1": image });
    const [row] = await test.db.$queryRaw<{ categories: string[] }[]>`
      SELECT c.categories FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN agent_scopes s ON s.id = i.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid`;
    expect(row?.categories).not.toContain("unapproved");
  });

  it("is one folded number on the matrix, and outside verdict and findings unless it is asked for", async () => {
    const matrix = matrixDto.parse(await getMatrix({ ctx: admin }));
    expect(matrix.environments.map(({ name }) => name)).toEqual(["dev", "staging", "production"]);
    expect({ previews: matrix.previews, totals: matrix.totals, row: matrix.rows.find(({ service }) => service === "shop") }).toMatchObject({ previews: 2, totals: { instances: 0, deviating: 0 }, row: { severity: "match", cells: [], previews: { environments: 2, instances: 3 } } });
    const all = await listFindings({ ctx: admin, input: findingsQuery.parse({}) });
    expect({ total: all.total, groups: all.groups, checked: all.checkedInstances }).toEqual({ total: 0, groups: [], checked: 0 });
    expect((await listFindings({ ctx: admin, input: findingsQuery.parse({ environment: "pr-2" }) })).groups.map(({ kind }) => kind)).toContain("unknown-artifact");
    expect((await getStatus({ ctx: admin, input: {} })).inSync).toBe(true);
    expect((await getStatus({ ctx: admin, input: { environment: "pr-2" } })).inSync).toBe(false);
  });

  it("ends by itself when nothing reported there for its time to live, and is there again when something does", async () => {
    const agent = await enrol();
    await agent.report({ "pr-7": image }, hours(0));
    await leaveFleet({ ctx: agent.ctx, input: { v: 1, reason: "merged" } });
    await endPreviews(test.app, hours(0.9));
    expect((await environments()).map(({ name }) => name)).toContain("pr-7");
    const since = await head();
    await endPreviews(test.app, hours(1.1));
    expect(await environments()).toEqual([]);
    expect(await entries(since)).toEqual(["environment-retired system", "environment-retired system", "environment-retired system"]);
    const open = await test.db.$queryRaw`SELECT f.id FROM findings f JOIN environments e ON e.id = f.environment_id WHERE e.kind = 'preview' AND f.resolved_at IS NULL`;
    expect(open).toEqual([]);
    const next = await enrol();
    await next.report({ "pr-7": image });
    expect((await environments()).map(({ name }) => name)).toEqual(["pr-7"]);
    expect(await where(next)).toEqual([{ key: "shop-pr-7", environment: "pr-7" }]);
    expect((await entries(since)).at(-1)).toBe("environment-changed system");
  });

  it("keeps what runs there through whatever maps the fleet anew, also when it has ended", async () => {
    const agent = await enrol();
    const began = new Date();
    await agent.report({ "pr-7": image, dev: image });
    const there = [{ key: "shop-dev", environment: "dev" }, { key: "shop-pr-7", environment: "pr-7" }];
    const changes: [string, () => Promise<unknown>][] = [
      ["a rule", () => putRules(["anything"])],
      ["a registration of the repository", () => registerVersion(test, { service: "shop-worker", version: "1.0.0", image: makeImage(image.repository, "worker") })],
      ["another name", () => renameService({ ctx: admin, service: "shop", input: { to: "store", reason: "a test" } })],
      ["the name before", () => renameService({ ctx: admin, service: "store", input: { to: "shop", reason: "a test" } })],
      ["its end", () => endPreviews(test.app, new Date(began.getTime() + 2 * 3_600_000))],
      ["no rule, when it has ended", () => putRules([])],
    ];
    for (const [change, make] of changes) {
      await make();
      expect(await where(agent), change).toEqual(there);
    }
    expect(await environments()).toEqual([]);
    await agent.report({ "pr-7": image });
    expect(await where(agent)).toEqual(there.slice(1));
  });
});

describe("a rule", () => {
  it("makes no more than it may: the rest is counted, and counts where the pool's hosts otherwise do", async () => {
    const agent = await enrol();
    await agent.report({ "pr-7": image, "pr-8": image, "pr-9": image, "pr-a": image, "pr-b": image });
    expect((await environments()).map(({ name }) => name)).toEqual(["pr-7", "pr-8", "pr-9"]);
    expect((await where(agent)).map(({ environment }) => environment)).toEqual(["pr-7", "pr-8", "pr-9", "dev", "dev"]);
    expect((await listPreviewRules({ ctx: admin })).items).toMatchObject([{ pattern: "pr-*", template: "staging", environments: 3, refused: 2, lastRefused: { name: "pr-b" } }]);
  });

  it("moves what was reported before its preview was there when it is reported again", async () => {
    await promoteRelease({ ctx: await test.ctx(), input: promoteRequest.parse({ service: "shop", environment: "dev", partition: "default", version: "1.0.0" }) });
    const agent = await enrol();
    await agent.report({ "pr-b": image });
    const decided = () => test.db.$queryRaw<unknown[]>`SELECT 1 FROM target_desired d JOIN targets t ON t.id = d.target_id JOIN agent_scopes s ON s.id = t.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid`;
    expect([await where(agent), await decided()]).toMatchObject([[{ environment: "dev" }], [{}]]);
    await putRule({ maxEnvironments: 4 });
    await agent.report({ "pr-b": image });
    expect(await where(agent)).toEqual([{ key: "shop-pr-b", environment: "pr-b" }]);
    const copies = await test.db.$queryRaw<{ environment: string }[]>`
      SELECT e.name::text AS environment FROM instances i JOIN combinations c ON c.id = i.combination_id JOIN environments e ON e.id = c.environment_id JOIN agent_scopes s ON s.id = i.agent_scope_id WHERE s.agent_id = ${agent.id}::uuid`;
    // What is assigned where it was is not what it should run here.
    expect([copies, await decided()]).toEqual([[{ environment: "pr-b" }], []]);
  });

  it("makes one environment of a name that two hosts report at the same moment", async () => {
    await putRule({ maxEnvironments: 50 });
    const some = await Promise.all(Array.from({ length: 4 }, () => enrol()));
    await Promise.all(some.map((agent) => agent.report({ "pr-race": image })));
    expect((await environments()).filter(({ name }) => name === "pr-race")).toHaveLength(1);
    for (const agent of some) expect(await where(agent)).toEqual([{ key: "shop-pr-race", environment: "pr-race" }]);
  });

  it.each([["another pool", "others", "pr-other"], ["a name that it does not match", "previews", "feature-1"], ["an environment that stays", "previews", "production"]])("makes nothing for %s", async (_, pool, name) => {
    const before = await environments();
    const agent = await enrol(pool);
    await agent.report({ [name]: image });
    expect(await environments()).toEqual(before);
    expect((await where(agent)).map(({ environment }) => environment)).toEqual(["dev"]);
  });

  it("needs the right for the template and for all that it covers, and things that are there", async () => {
    const of = (environment: string) => test.ctxWith([{ role: "admin", service: "*", environment, expiresAt: null }]);
    const input = putPreviewRuleRequest.parse({ pattern: "x-*", template: "staging", pools: [] });
    await expect(putPreviewRule({ ctx: await of("staging"), input })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(putPreviewRule({ ctx: await of("x-*"), input })).rejects.toMatchObject({ kind: "forbidden" });
    const ofAll = (...names: string[]) => test.ctxWith(names.map((environment) => ({ role: "admin" as const, service: "*", environment, expiresAt: null })));
    const withPool = putPreviewRuleRequest.parse({ pattern: "x-*", template: "staging", pools: ["previews"] });
    await expect(putPreviewRule({ ctx: await ofAll("x-*", "staging"), input: withPool })).rejects.toMatchObject({ kind: "forbidden" });
    expect(await putPreviewRule({ ctx: await ofAll("x-*", "staging", "dev"), input: withPool })).toMatchObject({ pools: ["previews"] });
    // What a rule was for counts as much as what it is to be for.
    await expect(putPreviewRule({ ctx: await ofAll("x-*", "staging"), input })).rejects.toMatchObject({ kind: "forbidden" });
    await expect(putPreviewRule({ ctx: await ofAll("x-*", "dev"), input: { ...withPool, template: "dev" } })).rejects.toMatchObject({ kind: "forbidden" });
    await removePreviewRule({ ctx: admin, input: { pattern: "x-*", reason: "done" } });
    await expect(putRule({ template: "nowhere" })).rejects.toMatchObject({ kind: "not-found" });
    await expect(putRule({ template: "pr-race" })).rejects.toMatchObject({ kind: "invalid" });
    await expect(putRule({ pools: ["nowhere"] })).rejects.toMatchObject({ kind: "invalid", extras: { type: "unknown-pool" } });
    for (const pattern of ["*", "**", "staging", "PR-*"]) expect(putPreviewRuleRequest.safeParse({ pattern, template: "staging", pools: [] }).success, pattern).toBe(false);
  });

  it("is taken away with an entry, makes nothing any more, and leaves what is there to end by itself", async () => {
    await removePreviewRule({ ctx: admin, input: { pattern: "pr-*", reason: "no previews any more" } });
    const agent = await enrol();
    await agent.report({ "pr-after": image, "pr-race": image });
    expect((await environments()).map(({ name }) => name)).not.toContain("pr-after");
    expect((await where(agent)).map(({ environment }) => environment)).toEqual(["dev", "pr-race"]);
    await expect(removePreviewRule({ ctx: admin, input: { pattern: "pr-*", reason: "again" } })).rejects.toMatchObject({ kind: "not-found" });
    await endPreviews(test.app, hours(30));
    expect(await environments()).toEqual([]);
  });
});
