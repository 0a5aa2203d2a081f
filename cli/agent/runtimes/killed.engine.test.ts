import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingForPodman, startPodman } from "@/e2e/engines/podman";
import type { PodmanEngine } from "@/e2e/engines/podman";
import { bundleKillable, openHost } from "../testing/run-killable";
import type { Host } from "../testing/run-killable";

const missing = missingForPodman();
if (missing) console.info(`killed.engine.test.ts skipped: no Podman engine here (${missing})`);

const HTTPD = 'CMD ["/bin/httpd","-f","-p","8080","-h","/www"]';
// Its first process ignores SIGTERM; waiting ten seconds for each would prove nothing.
const STOP = "STOPSIGNAL SIGKILL";
const AT_ONCE = 3;

// Between two of these lie only the agent's own writes; killed.test.ts and killed-exec.test.ts kill it around each of those too.
const ON_THE_HOST = /^(?:before|after) (?:pull|rename|create|start|stop|remove)$|is let go$/;

describe.skipIf(missing !== null)("an agent killed before and after everything that it does to a real Podman engine", () => {
  let engine: PodmanEngine;
  let bundle: { file: string; remove(): void };
  const digests: Record<string, string> = {};
  const hosts: Host[] = [];

  beforeAll(async () => {
    engine = await startPodman();
    engine.build({ name: "pay", tag: "1", version: "1", changes: [HTTPD, STOP] });
    engine.build({ name: "pay", tag: "2", version: "2", changes: [HTTPD, STOP] });
    engine.build({ name: "pay", tag: "broken", version: "3", changes: ['CMD ["/bin/nothing-there"]', STOP] });
    for (const tag of ["1", "2", "broken"]) digests[tag] = engine.publish({ name: "pay", tag, repository: "team/pay" }).digest;
    bundle = await bundleKillable();
  }, 120_000);
  afterAll(async () => {
    hosts.forEach((host) => host.remove());
    bundle?.remove();
    await engine?.stop();
  }, 120_000);

  const reference = (tag: string) => `${engine.registry}/team/pay:${tag}`;
  const open = (name: string, tag: string, options: readonly string[]): Host => {
    engine.podman("run", "-d", "--name", name, ...options, reference("1"));
    const task = { target: name, generation: 3, rollout: null, entry: 1, service: "pay", environment: "prod", repository: `${engine.registry}/team/pay`, components: [{ name: "main", digests: [digests[tag] ?? ""] }], force: false };
    const host = openHost(bundle.file, (dir) => ({ socket: engine.socket, task, hooks: { pre: `echo pre >> ${dir}/ran`, post: `echo post >> ${dir}/ran` } }));
    hosts.push(host);
    return host;
  };
  const ran = (host: Host): string[] => (existsSync(join(host.dir, "ran")) ? readFileSync(join(host.dir, "ran"), "utf8").trim().split("\n") : []);
  const named = (name: string): string[] => engine.podman("ps", "-a", "--format", "{{.Names}}").split("\n").filter((line) => line.startsWith(name));
  const version = (name: string): string => engine.podman("exec", name, "cat", "/www/version");

  // Up to the first start the failing ones take the same way as the other, so they are killed from there on.
  it.each([
    ["replaces", "2", [], "done", "2", 0],
    ["puts back what did not start", "broken", [], "failed", "1", "before start"],
    ["makes again what had removed itself", "broken", ["--rm"], "failed", "1", "before start"],
  ] as const)("%s: one of the two runs, one successor was made, one end was told", async (_name, tag, options, ends, runs, from) => {
    const prefix = `pay-${tag}${options.length}`;
    const whole = open(`${prefix}-whole`, tag, options);
    expect(await whole.live()).toBe("ended");
    expect(whole.outcomes().map(({ step }) => step)).toEqual([ends]);
    expect([named(`${prefix}-whole`), version(`${prefix}-whole`)]).toEqual([[`${prefix}-whole`], runs]);
    const steps = whole.steps();
    expect(steps.length).toBeGreaterThan(20);
    const first = from === 0 ? 0 : steps.indexOf(from);
    expect(first).toBeGreaterThanOrEqual(0);
    const deaths = steps.flatMap((step, at) => (at >= first && ON_THE_HOST.test(step) ? [at] : []));
    expect(deaths.length).toBeGreaterThan(from === 0 ? 11 : 4);
    engine.podman("rm", "-f", "-t", "0", `${prefix}-whole`);

    const killedAt = async (dieAt: number): Promise<void> => {
      const step = steps[dieAt];
      const name = `${prefix}-k${dieAt}-`;
      const host = open(name, tag, options);
      expect([step, await host.live(dieAt)]).toEqual([step, "killed"]);
      const noted = host.record();
      const hook = noted?.outcome === null && noted.stage.endsWith("-hook") ? noted.stage : null;
      expect([step, await host.live()]).toEqual([step, "ended"]);
      expect([step, named(name)]).toEqual([step, [name]]);
      // Killed in the first hook nothing is begun; everything else comes to the end that it would have had.
      expect([step, version(name)]).toEqual([step, hook === "pre-hook" ? "1" : runs]);
      expect([step, new Set(host.outcomes().map((line) => JSON.stringify({ ...line, at: "" }))).size]).toEqual([step, 1]);
      expect([step, host.outcomes()[0]]).toMatchObject([step, hook ? { step: "failed", reason: "interrupted" } : { step: ends }]);
      expect([step, ran(host)]).toEqual([step, [...new Set(ran(host))]]);
      engine.podman("rm", "-f", "-t", "0", name);
    };
    for (let at = 0; at < deaths.length; at += AT_ONCE) await Promise.all(deaths.slice(at, at + AT_ONCE).map(killedAt));

    // The engine's own memory: each name was created by the operator, once as a successor, and once more only where the old one had gone.
    const creations = engine.podman("events", "--stream=false", "--since", "1h", "--filter", "event=create", "--format", "{{.Name}} {{.Image}}").split("\n").filter((line) => line.startsWith(prefix));
    const successors = new Map<string, number>();
    for (const line of creations) if (!line.endsWith(reference("1"))) successors.set(line, (successors.get(line) ?? 0) + 1);
    expect(creations.length).toBeGreaterThan(deaths.length);
    expect([...successors].filter(([, times]) => times > 1)).toEqual([]);
  }, 600_000);
});
