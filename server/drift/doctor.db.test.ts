import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doctorDto, type DoctorDto } from "@/lib/contract/doctor";
import { grantWaiverRequest } from "@/lib/contract/policies";
import { promoteRequest } from "@/lib/contract/rollouts";
import type { Ctx } from "@/server/context";
import { watchSilence } from "@/server/jobs/watch-silence";
import { grantWaiver } from "@/server/policies/grant-waiver";
import { promoteRelease } from "@/server/rollouts/promote-release";
import { createTestApp, type TestApp } from "@/server/testing/create-test-app";
import { container, enrolTestAgent, makeImage, pulled, registerVersion, type TestAgent } from "@/server/testing/inventory";
import { readDoctor } from "./read-doctor";

let test: TestApp;
let ctx: Ctx;
let agent: TestAgent;
const image = makeImage("registry.test/acme/payments", "1");
const stranger = makeImage("registry.test/acme/payments", "strange");

beforeAll(async () => {
  test = await createTestApp();
  ctx = await test.ctx();
  agent = await enrolTestAgent(test, { environments: ["staging"], name: "eu-1" });
  await registerVersion(test, { service: "payments", version: "1.0.0", image });
  const copies = [1, 2].map((at) => container(`payments-${at}`, { labels: { "plumbline.service": "payments" } }));
  const other = container("billing-cron", { labels: { "plumbline.service": "cron" } });
  await agent.report({ images: [pulled(image)], targets: [...copies.map(({ target }) => target), other.target], instances: [...copies.map(({ instance }) => instance), other.instance] });
  await promoteRelease({ ctx, input: promoteRequest.parse({ service: "payments", environment: "staging", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
  await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
});
afterAll(() => test.drop());

const ask = async (service: string, environment?: string, as = ctx): Promise<DoctorDto> => doctorDto.parse(await readDoctor({ ctx: as, input: { service, environment } }));

describe("the doctor", () => {
  it("finds nothing where all is well, and shows on what that rests", async () => {
    const doctor = await ask("payments", "staging");
    expect(doctor).toMatchObject({ well: true, adopted: true, more: 0, findings: [], reasons: [], summary: "All is well: 2 instances of payments in staging run what is assigned." });
    expect(doctor.cases).toHaveLength(1);
    const [one] = doctor.cases;
    expect(one?.steps.map(({ step, mark }) => [step, mark])).toEqual([["reported", "right"], ["mapped", "right"], ["resolved", "right"], ["assigned", "right"], ["approved", "right"]]);
    expect(one?.mapping.map(({ field, value, by }) => [field, value, by])).toEqual([["service", "payments", "label"], ["environment", "staging", "only-environment"], ["partition", "default", "nothing"], ["component", "main", "container-name"]]);
    expect(one?.digests.map(({ kind, leadsTo }) => [kind, leadsTo])).toEqual([["unspecified", ["payments 1.0.0"]], ["unspecified", ["payments 1.0.0"]], ["config", ["payments 1.0.0"]]]);
    expect(one?.verdicts).toMatchObject([{ kind: "in-sync", advice: null }]);
  });

  it("says of bytes that nobody knows what is known, worst first, and what to do", async () => {
    const { instance } = container("payments-1");
    await agent.report({ images: [pulled(stranger)], instances: [{ ...instance, mutated: { count: 2, paths: ["/a", "/b"] } }] });
    const doctor = await ask("payments");
    expect(doctor).toMatchObject({ well: false, summary: "1 of 2 instances of payments is not as decided." });
    expect(doctor.cases.map(({ well, instances }) => [well, instances])).toEqual([[false, 1], [true, 1]]);
    expect(doctor.cases[0]?.verdicts.map(({ kind }) => kind)).toEqual(["unknown-artifact", "mutated"]);
    expect(doctor.cases[0]?.verdicts[0]?.advice).toContain("plumbline release register payments");
    expect(doctor.cases[0]?.steps.filter(({ mark }) => mark === "wrong").map(({ step }) => step)).toEqual(["resolved", "in-place"]);
    expect(doctor.cases[0]?.digests.every(({ leadsTo }) => leadsTo.length === 0)).toBe(true);
  });

  it("says why nothing is seen", async () => {
    expect(await ask("paymets", "staging")).toMatchObject({ well: false, adopted: false, cases: [], reasons: ["No service paymets is in the ledger, and nothing that runs is called that. Similar: payments."] });
    expect((await ask("payments", "production")).reasons).toEqual(["Instances of payments are seen in staging, not in production.", "billing-cron on eu-1 has the name in its repository registry.test/acme/payments, but counts as cron in staging.", "No agent reports environment production: enrol one into a pool that may."]);
    expect((await ask("payments", "stagin")).reasons[0]).toBe("There is no environment stagin. Similar: staging.");
    expect((await ask("billing")).reasons).toContain("billing-cron on eu-1 has the name in its name, but counts as cron in staging.");
  });

  it("does not call well what is not in the ledger", async () => {
    const doctor = await ask("cron");
    expect(doctor).toMatchObject({ well: false, adopted: false });
    expect(doctor.cases[0]?.verdicts).toMatchObject([{ kind: "not-adopted", advice: expect.stringContaining("plumbline adopt") }]);
  });

  it("says of a silent host that what runs there is unknown", async () => {
    await watchSilence(test.app, new Date(Date.now() + 120_000));
    const doctor = await ask("cron");
    expect(doctor.cases[0]).toMatchObject({ silent: 1, well: false });
    expect(doctor.findings).toMatchObject([{ kind: "silent", subject: "eu-1" }]);
    expect(doctor.summary).toContain("1 is silent");
  });

  it("shows nobody what is not theirs", async () => {
    const foreign = await test.ctxWith([{ role: "viewer", service: "other*", environment: "*", expiresAt: null }]);
    await expect(ask("payments", undefined, foreign)).rejects.toMatchObject({ kind: "forbidden" });
    const doctor = await ask("other-payments", "staging", foreign);
    expect(doctor.reasons.join(" ")).not.toContain("cron");
    expect(doctor.reasons.join(" ")).not.toContain("Similar");
    const elsewhere = await test.ctxWith([{ role: "viewer", service: "*", environment: "production", expiresAt: null }]);
    expect((await ask("payments", undefined, elsewhere)).cases).toEqual([]);
  });

  describe("counts all, and shows the worst", () => {
    const fleet = makeImage("registry.test/acme/fleet", "1");
    const newer = makeImage("registry.test/acme/fleet", "2");
    const copies = Array.from({ length: 52 }, (_, at) => container(`fleet-${at}`, { labels: { "plumbline.service": "fleet" }, settingsDigest: `sha256:${at.toString(16).padStart(64, "0")}` }));
    const run = (which: typeof image, count: number) => host.report({ images: [pulled(which)], targets: copies.map(({ target }) => target), instances: copies.slice(0, count).map(({ instance }) => instance) });
    let host: TestAgent;
    beforeAll(async () => {
      host = await enrolTestAgent(test, { environments: ["dev"], name: "fleet-host" });
      await registerVersion(test, { service: "fleet", version: "1.0.0", image: fleet });
      await registerVersion(test, { service: "fleet", version: "2.0.0", image: newer });
      await run(fleet, 52);
      await promoteRelease({ ctx, input: promoteRequest.parse({ service: "fleet", environment: "dev", partition: "default", version: "1.0.0", strategy: "all-at-once" }) });
      await test.db.$executeRaw`UPDATE rollouts SET status = 'succeeded', finished_at = now() WHERE finished_at IS NULL`;
    });

    it("where all is well with more sets of facts than it shows", async () => {
      const doctor = await ask("fleet");
      expect(doctor).toMatchObject({ well: true, more: 2, summary: "All is well: 52 instances of fleet run what is assigned." });
      expect(doctor.cases).toHaveLength(50);
    });

    it("where more deviate than it shows", async () => {
      await run(newer, 51);
      expect(await ask("fleet")).toMatchObject({ well: false, more: 2, summary: "51 of 52 instances of fleet are not as decided." });
    });

    it("what is waived, and what a rollout explains, as that", async () => {
      await grantWaiver({ ctx, input: grantWaiverRequest.parse({ service: "fleet", environment: "dev", category: "ahead", reason: "a trial", expiresAt: new Date(Date.now() + 3_600_000).toISOString() }) });
      expect(await ask("fleet", "dev")).toMatchObject({ well: true, summary: "All is well: 1 of 52 instances of fleet in dev runs what is assigned; 51 differ and are waived." });
      await promoteRelease({ ctx, input: promoteRequest.parse({ service: "fleet", environment: "dev", partition: "default", version: "2.0.0", strategy: "all-at-once" }) });
      expect(await ask("fleet", "dev")).toMatchObject({ well: true, summary: "All is well: 51 of 52 instances of fleet in dev run what is assigned; 1 is explained by a rollout that is under way." });
    });

    it("previews only where they are named", async () => {
      await test.db.$executeRaw`UPDATE environments SET kind = 'preview' WHERE name = 'dev'`;
      const doctor = await ask("fleet");
      expect(doctor).toMatchObject({ well: false, cases: [], more: 0 });
      expect(doctor.reasons[0]).toBe("Instances of fleet are seen in previews only (dev): ask for one of them.");
      expect((await ask("fleet", "dev")).cases).toHaveLength(50);
      await test.db.$executeRaw`UPDATE environments SET kind = 'permanent' WHERE name = 'dev'`;
    });
  });

  it("says where else what is not approved here may run, of what the reader may see", async () => {
    const next = makeImage("registry.test/acme/payments", "next");
    await registerVersion(test, { service: "payments", version: "1.1.0", image: next });
    await test.db.$executeRaw`UPDATE environments SET required_approvals = 1 WHERE name IN ('staging', 'production')`;
    const { instance } = container("payments-2");
    await agent.report({ images: [pulled(next)], instances: [instance] });
    const said = async (as = ctx): Promise<string | undefined> => (await ask("payments", "staging", as)).cases.flatMap(({ verdicts }) => verdicts).find(({ kind }) => kind === "unapproved")?.sentence;
    expect(await said()).toBe("Not approved for staging. In the ledger as 1.1.0, approved for dev only.");
    const here = await test.ctxWith([{ role: "viewer", service: "*", environment: "staging", expiresAt: null }]);
    expect(await said(here)).toBe("Not approved for staging. In the ledger as 1.1.0, approved nowhere.");
  });
});
