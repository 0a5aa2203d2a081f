import { missingForPodman, startPodman, type PodmanEngine } from "./engines/podman";
import { expect, test } from "./fixtures";

const missing = missingForPodman();
const RUNS = 'CMD ["/bin/sh","-c","trap exit TERM; while true; do sleep 0.2; done"]';
const CRASHES = 'CMD ["/bin/sh","-c","exit 3"]';
const COUNT = 20;
const names = Array.from({ length: COUNT }, (_, at) => `web-${String(at + 1).padStart(2, "0")}`);

type Wave = { name: string; status: string; openedAt: string | null; finishedAt: string | null; counts: { total: number; verified: number } };
type Rollout = { id: string; status: string; kind: string; statusReason: string | null; counts: { total: number; verified: number }; waves: Wave[]; revertedBy: { id: string } | null };

test.describe("twenty containers on a real engine", () => {
  test.skip(missing !== null, `no Podman here: ${missing ?? ""}`);
  test.describe.configure({ mode: "serial", timeout: 420_000 });
  let engine: PodmanEngine;

  test.beforeAll(async () => {
    engine = await startPodman();
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) engine.build({ name: "web", tag: version, version, changes: [version === "1.2.0" ? CRASHES : RUNS] });
  });
  test.afterAll(async () => {
    await engine?.stop();
  });

  test("follow a release in three waves, return from a bad canary by themselves, and survive the agent's death half-way", async ({ page, plumbline, plumblineJson, startHost, asPerson }) => {
    const person = asPerson(page);
    const place = { service: "web", environment: "staging" };
    const rollout = (id: string) => person.get<Rollout>(`rollouts/${id}`);
    const ended = async (id: string) => {
      await expect.poll(async () => (await rollout(id)).status, { timeout: 240_000 }).not.toMatch(/^(planned|running|paused)$/);
      return rollout(id);
    };
    /** What runs, by container: its id and the version inside. */
    const running = () =>
      new Map(
        engine
          .podman("ps", "--filter", "label=plumbline.service=web", "--format", "{{.Names}} {{.ID}} {{.Image}}")
          .split("\n")
          .map((line) => line.split(" "))
          .map(([name = "", id = "", image = ""]) => [name, { id, image }]),
      );

    const images = new Map(["1.0.0", "1.1.0", "1.2.0"].map((version) => [version, engine.publish({ name: "web", tag: version, repository: "team/web" })]));
    for (const [version, image] of images) await plumblineJson("release", "register", "web", version, image.reference);
    for (const name of names) engine.podman("run", "--detach", "--name", name, "--label", "plumbline.service=web", "--stop-timeout", "2", images.get("1.0.0")?.reference ?? "");
    const host = await startHost({ environment: "staging", name: "twenty", args: ["--act", "web-*", "--socket", engine.socket] });
    await expect.poll(async () => (await plumbline("status", "web", "staging")).stdout, { timeout: 60_000 }).toContain("web");
    await ended((await person.post<Rollout>("promotions", { ...place, version: "1.0.0" })).id);

    const promoted = await ended((await person.post<Rollout>("promotions", { ...place, version: "1.1.0" })).id);
    expect(promoted).toMatchObject({ status: "succeeded", counts: { total: COUNT, verified: COUNT } });
    expect(promoted.waves.map(({ counts }) => counts.total)).toEqual([1, 4, 15]);
    for (const [at, wave] of promoted.waves.entries()) {
      const before = promoted.waves[at - 1];
      if (before) expect(Date.parse(wave.openedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(before.finishedAt ?? ""));
    }
    expect([...running().keys()].sort()).toEqual(names);

    const before = running();
    const bad = await ended((await person.post<Rollout>("promotions", { ...place, version: "1.2.0" })).id);
    expect(bad).toMatchObject({ status: "failed", revertedBy: { id: expect.any(String) }, statusReason: expect.stringContaining("did not get there") });
    expect(bad.waves.map(({ status }) => status)).toEqual(["failed", "pending", "pending"]);
    expect(await ended(bad.revertedBy?.id ?? "")).toMatchObject({ kind: "rollback", status: "succeeded", counts: { total: 1, verified: 1 } });
    const after = running();
    expect([...after.keys()].sort()).toEqual(names);
    // Nobody but the canary was touched.
    expect(names.filter((name) => after.get(name)?.id !== before.get(name)?.id).length).toBeLessThanOrEqual(1);

    const { id } = await person.post<Rollout>("rollbacks", { ...place, version: "1.0.0", reason: "errors" });
    for (const share of [3, 9]) {
      await expect.poll(async () => (await rollout(id)).counts.verified, { timeout: 120_000 }).toBeGreaterThanOrEqual(share);
      await host.kill();
      host.restart();
    }
    expect(await ended(id)).toMatchObject({ status: "succeeded", counts: { total: COUNT, verified: COUNT } });
    expect([...running().keys()].sort()).toEqual(names);
    // What was replaced goes when its successor is settled, which may be a moment after it is verified.
    await expect.poll(() => engine.podman("ps", "--all", "--quiet").split("\n").length, { timeout: 60_000 }).toBe(COUNT);
  });
});
