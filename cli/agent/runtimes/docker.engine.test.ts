import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingForPodman, startPodman } from "@/e2e/engines/podman";
import type { PodmanEngine } from "@/e2e/engines/podman";
import { inventoryReport } from "@/lib/contract/agent";
import { buildFull } from "../report";
import { openDockerRuntime } from "./docker";
import type { Execution, ReportedEvent, Runtime, Task } from "./runtime";

const missing = missingForPodman();
if (missing) console.info(`docker.engine.test.ts skipped: no Podman engine here (${missing})`);

const HTTPD = 'CMD ["/bin/httpd","-f","-p","8080","-h","/www"]';
// Its first process ignores SIGTERM; waiting ten seconds for each would prove nothing.
const STOP = "STOPSIGNAL SIGKILL";

describe.skipIf(missing !== null)("the docker runtime on a real Podman engine", () => {
  let engine: PodmanEngine;
  let runtime: Runtime;
  const digests: Record<string, string> = {};

  beforeAll(async () => {
    engine = await startPodman();
    engine.build({ name: "payments", tag: "1", version: "1", changes: [HTTPD, STOP, "ENV FROM_IMAGE=one", "LABEL org.opencontainers.image.version=1"] });
    engine.build({ name: "payments", tag: "2", version: "2", changes: [HTTPD, STOP, "ENV FROM_IMAGE=two", "LABEL org.opencontainers.image.version=2"] });
    engine.build({ name: "payments", tag: "broken", version: "3", changes: ['CMD ["/bin/sh","-c","echo no config; exit 7"]'] });
    for (const tag of ["1", "2", "broken"]) digests[tag] = engine.publish({ name: "payments", tag, repository: "team/payments" }).digest;
    runtime = await openDockerRuntime({ socket: engine.socket, env: {}, logs: true, mayAct: (target) => target.startsWith("payments"), now: () => Date.now(), region: "eu", settingsKey: "0f".repeat(32) });
  }, 120_000);

  afterAll(async () => {
    await engine?.stop();
  }, 60_000);

  const reference = (tag: string) => `${engine.registry}/team/payments:${tag}`;
  const task = (target: string, tag: string, generation: number, more: Partial<Task> = {}): Task => ({
    target,
    generation,
    rollout: null,
    entry: 1,
    service: "payments",
    environment: "production",
    repository: `${engine.registry}/team/payments`,
    components: [{ name: "main", digests: [digests[tag] ?? ""] }],
    force: false,
    ...more,
  });
  const execution = (saved: unknown = null): Execution & { steps: string[]; kept: unknown } => {
    const one = {
      saved,
      kept: saved,
      steps: [] as string[],
      save: async (record: unknown) => {
        one.kept = structuredClone(record);
      },
      progress: (step: string) => {
        one.steps.push(step);
      },
    };
    return one;
  };
  const inspect = (name: string): { Id: string; Config: { Env: string[] }; HostConfig: Record<string, unknown>; Mounts: { Name?: string; Destination: string }[]; NetworkSettings: { Networks: Record<string, { Aliases: string[] }> }; State: { Running: boolean } } => JSON.parse(engine.podman("inspect", name))[0];
  const shown = async (target: string) => {
    const observation = await runtime.observe();
    const instances = observation.instances.filter((instance) => instance.target === target);
    const images = instances.map((instance) => observation.images.get(instance.image));
    return { observation, instances, images, target: observation.targets.find((one) => one.key === target) };
  };

  it("reports every container with all digests of its image", async () => {
    engine.podman("run", "-d", "--name", "payments-seen", reference("1"));
    engine.podman("run", "-d", "--name", "other", "localhost/payments:2");
    const { instances, images, target, observation } = await shown("payments-seen");
    expect(observation.complete).toBe(true);
    const [report] = buildFull(observation, { bootId: "boot-0001", seq: 1, observedAt: new Date().toISOString(), events: [] });
    expect(inventoryReport.safeParse(report).error).toBeUndefined();
    expect(instances[0]?.settingsDigest).toMatch(/^sha256:/);
    expect(instances).toHaveLength(1);
    expect(instances[0]).toMatchObject({ component: "main", state: "running", health: "unknown", restarts: 0, region: "eu", mutated: { count: 0, paths: [] } });
    const kinds = images[0]?.digests ?? [];
    expect(kinds.map((one) => one.digest)).toContain(digests["1"]);
    expect(kinds.filter((one) => one.kind === "config")).toHaveLength(1);
    expect(new Set(kinds.map((one) => one.digest)).size).toBe(kinds.length);
    expect(images[0]?.reference).toBe(reference("1"));
    expect(target).toMatchObject({ kind: "service", desired: 1, ready: 1, canAct: true });
    expect(observation.targets.find((one) => one.key === "other")).toMatchObject({ canAct: false, cannotActReason: expect.stringContaining("--act") });
    engine.podman("rm", "-f", "-t", "0", "payments-seen", "other");
  });

  it("replaces by digest and keeps what the operator set, taking the rest from the new image", async () => {
    engine.podman("network", "create", "front");
    engine.podman("network", "create", "back");
    engine.podman("run", "-d", "--name", "payments", "--network", "front", "--network-alias", "pay", "-e", "COLOR=blue", "-v", "paydata:/data", "-v", `${engine.dir}:/host:ro`, "-p", "127.0.0.1::8080", "--restart", "on-failure:3", "--memory", "64m", "--ulimit", "nofile=5000:5000", "--ulimit", "nproc=4000:4000", "--add-host", "db:10.0.0.9", "--cap-add", "NET_ADMIN", "--label", "plumbline.service=payments", reference("2"));
    engine.podman("network", "connect", "back", "payments");
    engine.podman("exec", "payments", "sh", "-c", "echo kept > /data/file");
    const before = inspect("payments");
    const run = execution();
    expect(await runtime.execute(task("payments", "1", 1), run)).toEqual({ ok: true });
    expect(run.steps).toEqual(["pulling", "pulled", "creating", "stopping", "starting", "started"]);
    const after = inspect("payments");
    expect(after.Id).not.toBe(before.Id);
    expect(after.State.Running).toBe(true);
    expect(after.Config.Env).toContain("COLOR=blue");
    expect(after.Config.Env).toContain("FROM_IMAGE=one");
    expect(after.Config.Env).not.toContain("FROM_IMAGE=two");
    for (const field of ["PortBindings", "RestartPolicy", "Memory", "Ulimits", "ExtraHosts", "CapAdd"]) expect([field, after.HostConfig[field]]).toEqual([field, before.HostConfig[field]]);
    expect(after.Mounts.map((mount) => mount.Destination).sort()).toEqual(["/data", "/host"]);
    expect(after.Mounts.find((mount) => mount.Destination === "/data")?.Name).toBe("paydata");
    expect(Object.keys(after.NetworkSettings.Networks).sort()).toEqual(["back", "front"]);
    expect(after.NetworkSettings.Networks.front?.Aliases).toContain("pay");
    expect(engine.podman("exec", "payments", "cat", "/data/file")).toBe("kept");
    expect(engine.podman("exec", "payments", "cat", "/www/version")).toBe("1");
    expect(engine.podman("ps", "-a", "--format", "{{.Names}}")).toBe("payments");
    const { images, target } = await shown("payments");
    expect(images[0]?.digests.map((one) => one.digest)).toContain(digests["1"]);
    expect(target?.labels).toMatchObject({ "plumbline.service": "payments", "org.opencontainers.image.version": "1" });
    expect(target?.labels).not.toHaveProperty("plumbline.replacing");
  }, 60_000);

  it("leaves alone what already runs the right bytes, and makes it anew when its files were changed", async () => {
    const id = inspect("payments").Id;
    expect(await runtime.execute(task("payments", "1", 2), execution())).toEqual({ ok: true });
    expect(inspect("payments").Id).toBe(id);
    engine.podman("exec", "payments", "sh", "-c", "echo evil > /www/version; echo fine > /tmp/scratch");
    expect(await runtime.execute(task("payments", "1", 3), execution())).toEqual({ ok: true });
    expect(inspect("payments").Id).not.toBe(id);
    expect(engine.podman("exec", "payments", "cat", "/www/version")).toBe("1");
  }, 60_000);

  it("puts the old one back when the new one does not start, and says why", async () => {
    const before = inspect("payments");
    const run = execution();
    const outcome = await runtime.execute(task("payments", "broken", 4), run);
    expect(outcome).toMatchObject({ ok: false, message: expect.stringMatching(/exit code 7|restart policy started it again/), logs: expect.arrayContaining(["no config"]) });
    expect(run.steps.at(-1)).toBe("put-back");
    const after = inspect("payments");
    expect(after.Id).toBe(before.Id);
    expect(after.State.Running).toBe(true);
    expect(engine.podman("ps", "-a", "--format", "{{.Names}}")).toBe("payments");
  }, 60_000);

  it("makes a container that removes itself on stopping again when its successor does not start", async () => {
    engine.podman("run", "-d", "--rm", "--name", "payments-rm", "-e", "COLOR=red", reference("1"));
    expect(await runtime.execute(task("payments-rm", "broken", 1), execution())).toMatchObject({ ok: false });
    expect(inspect("payments-rm")).toMatchObject({ State: { Running: true }, HostConfig: { AutoRemove: true } });
    expect(inspect("payments-rm").Config.Env).toContain("COLOR=red");
    engine.podman("rm", "-f", "-t", "0", "payments-rm");
  }, 60_000);

  it("replaces a container that removes itself on stopping", async () => {
    engine.podman("run", "-d", "--rm", "--name", "payments-self", reference("1"));
    const outcomes = [await runtime.execute(task("payments-self", "2", 1), execution()), await runtime.execute(task("payments-self", "1", 2), execution())];
    expect(outcomes).toEqual([{ ok: true }, { ok: true }]);
    expect(engine.podman("ps", "-a", "--format", "{{.Names}}").split("\n").filter((name) => name.startsWith("payments-self"))).toEqual(["payments-self"]);
    expect(engine.podman("exec", "payments-self", "cat", "/www/version")).toBe("1");
    engine.podman("rm", "-f", "-t", "0", "payments-self");
  }, 60_000);

  it("stops what nothing is assigned to, and leaves it there", async () => {
    expect(await runtime.execute(task("payments", "1", 5, { components: [] }), execution())).toEqual({ ok: true });
    expect(inspect("payments").State.Running).toBe(false);
    expect((await shown("payments")).instances[0]).toMatchObject({ state: "exited" });
    expect(await runtime.execute(task("payments", "2", 6), execution())).toEqual({ ok: true });
    expect(inspect("payments").State.Running).toBe(true);
  }, 60_000);

  it("refuses what others lean on, with the reason in the report", async () => {
    engine.podman("run", "-d", "--name", "payments-base", reference("1"));
    engine.podman("run", "-d", "--name", "sidecar", "--network", "container:payments-base", reference("1"), "sleep", "1000");
    const { target } = await shown("payments-base");
    expect(target).toMatchObject({ canAct: false, cannotActReason: expect.stringContaining("sidecar") });
    expect(await runtime.execute(task("payments-base", "2", 1), execution())).toMatchObject({ ok: false, reason: "cannot-act" });
    engine.podman("rm", "-f", "-t", "0", "--depend", "payments-base");
    engine.podman("pod", "create", "--infra=false", "--name", "shop");
    engine.podman("run", "-d", "--pod", "shop", "--name", "payments-pod", reference("1"));
    expect((await shown("payments-pod")).target).toMatchObject({ canAct: false, cannotActReason: "it belongs to the pod shop" });
    expect(await runtime.execute(task("payments-pod", "2", 1), execution())).toMatchObject({ ok: false, reason: "cannot-act" });
    engine.podman("pod", "rm", "-f", "-t", "0", "shop");
  }, 60_000);

  it("tells who else looks after a container, and where that is written down", async () => {
    engine.podman("run", "-d", "--name", "payments-compose", "--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web", "--label", "com.docker.compose.project.config_files=/srv/shop/compose.yaml", reference("1"));
    engine.podman("run", "-d", "--name", "payments-unit", "--label", "PODMAN_SYSTEMD_UNIT=pay.service", reference("1"));
    const managers = async () => Object.fromEntries((await runtime.observe()).targets.map((target) => [target.key, target.managedBy]));
    expect(await managers()).toMatchObject({
      "shop/web": { tool: "compose", name: "shop", autoSync: false, detail: "/srv/shop/compose.yaml" },
      "payments-unit": { tool: "systemd", name: "pay.service", autoSync: true, detail: "pay.service" },
    });
    engine.podman("run", "-d", "--name", "tower", "--label", "com.centurylinklabs.watchtower=true", "--entrypoint", '["/bin/sleep","1000"]', reference("1"));
    expect((await managers())["shop/web"]).toEqual({ tool: "watchtower", name: "tower", autoSync: true });
    const report = buildFull(await runtime.observe(), { bootId: "boot-0002", seq: 1, observedAt: new Date().toISOString(), events: [] })[0];
    expect(inventoryReport.safeParse(report).error).toBeUndefined();
    engine.podman("rm", "-f", "-t", "0", "payments-compose", "payments-unit", "tower");
  }, 60_000);

  it("pulls ahead what is not here, touches no container, and says why it cannot", async () => {
    engine.podman("run", "-d", "--name", "payments-ahead", reference("1"));
    const before = inspect("payments-ahead");
    engine.build({ name: "payments", tag: "4", version: "4", changes: [HTTPD, STOP] });
    digests["4"] = engine.publish({ name: "payments", tag: "4", repository: "team/payments" }).digest;
    engine.podman("rmi", reference("4"), "localhost/payments:4");
    const { generation: _, force: __, ...ahead } = task("payments-ahead", "4", 0);
    const present = () => engine.podman("images", "--digests", "--format", "{{.Digest}}");
    expect(present()).not.toContain(digests["4"]);
    await runtime.prefetch?.(ahead);
    expect(present()).toContain(digests["4"]);
    await runtime.prefetch?.(ahead);
    await expect(runtime.prefetch?.({ ...ahead, components: [{ name: "main", digests: [`sha256:${"0".repeat(64)}`] }] })).rejects.toThrow(/manifest unknown|not found/i);
    expect(inspect("payments-ahead")).toMatchObject({ Id: before.Id, State: { Running: true } });
    engine.podman("rm", "-f", "-t", "0", "payments-ahead");
  }, 60_000);

  it("tells of changed files and of who went in, without being asked", async () => {
    await runtime.observe();
    const events: ReportedEvent[] = [];
    let changes = 0;
    const controller = new AbortController();
    const watching = runtime.watch({ changed: () => (changes += 1), event: (event) => events.push(event) }, controller.signal);
    // The stream opens by itself; a first event shows that it is there.
    await expect
      .poll(() => {
        if (changes === 0) engine.podman("exec", "payments", "ls");
        return changes;
      }, { timeout: 20_000, interval: 200 })
      .toBeGreaterThan(0);
    engine.podman("exec", "payments", "sh", "-c", "echo x > /www/changed");
    await expect.poll(async () => (await shown("payments")).instances[0]?.mutated, { timeout: 20_000 }).toEqual({ count: 1, paths: ["/www/changed"] });
    await expect.poll(() => events.map((event) => [event.kind, event.target]), { timeout: 20_000 }).toContainEqual(["exec", "payments"]);
    engine.podman("rm", "-f", "-t", "0", "payments");
    await expect.poll(async () => (await shown("payments")).instances, { timeout: 20_000 }).toEqual([]);
    await expect.poll(() => events.map((event) => event.kind), { timeout: 20_000 }).toContain("stop");
    controller.abort();
    await watching;

    const later: ReportedEvent[] = [];
    const again = new AbortController();
    const from = Date.now();
    engine.podman("run", "-d", "--name", "payments-away", reference("1"));
    engine.podman("rm", "-f", "-t", "0", "payments-away");
    const rewatching = runtime.watch({ sinceMs: from, changed: () => undefined, event: (event) => later.push(event) }, again.signal);
    await expect.poll(() => later.map((event) => [event.kind, event.target]), { timeout: 20_000 }).toEqual(expect.arrayContaining([["start", "payments-away"], ["stop", "payments-away"]]));
    again.abort();
    await rewatching;
  }, 90_000);
});
