import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Task } from "./runtimes/runtime";
import { bundleKillable, openHost } from "./testing/run-killable";
import type { Host } from "./testing/run-killable";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const task: Task = { target: "pay", generation: 3, rollout: null, entry: 1, service: "pay", environment: "prod", repository: "team/pay", components: [{ name: "main", digests: [digest("b")] }, { name: "worker", digests: [digest("c")] }], force: false };

/** Kills the agent that runs the command: its shell's parent. */
const KILL = "kill -9 $PPID";

describe("an exec agent whose process is killed", () => {
  let bundle: { file: string; remove(): void };
  const hosts: Host[] = [];
  beforeAll(async () => {
    bundle = await bundleKillable();
  }, 60_000);
  afterEach(() => hosts.splice(0).forEach((host) => host.remove()));
  afterAll(() => bundle.remove());

  /** A host whose replacement writes a digest to a file, and notes each run. `inside` runs in the middle of a command. */
  const open = (inside: { pre?: string; post?: string; replace?: string; prefetch?: (dir: string) => string } = {}): Host => {
    const host = openHost(bundle.file, (dir) => ({
      hooks: { pre: `echo pre >> ${dir}/ran; ${inside.pre ?? ""}`, post: `echo post >> ${dir}/ran; ${inside.post ?? ""}` },
      exec: {
        listCommand: `${dir}/list`,
        replaceCommand: `echo replace $PLUMBLINE_COMPONENT >> ${dir}/ran; ${inside.replace ?? ":"}; echo $PLUMBLINE_DIGEST > ${dir}/runs-$PLUMBLINE_COMPONENT`,
        prefetchCommand: `echo prefetch $PLUMBLINE_COMPONENT >> ${dir}/fetched; ${inside.prefetch?.(dir) ?? ""}`,
      },
      task,
    }));
    writeFileSync(join(host.dir, "list"), `#!/bin/sh\nfor one in main worker; do [ -e ${host.dir}/runs-$one ] && echo "{\\"target\\":\\"pay\\",\\"component\\":\\"$one\\",\\"digest\\":\\"$(cat ${host.dir}/runs-$one)\\"}"; done\nexit 0\n`);
    chmodSync(join(host.dir, "list"), 0o755);
    hosts.push(host);
    return host;
  };
  const file = (host: Host, name: string): string[] => (existsSync(join(host.dir, name)) ? readFileSync(join(host.dir, name), "utf8").trim().split("\n") : []);
  const runs = (host: Host) => ["main", "worker"].flatMap((name) => file(host, `runs-${name}`));

  it("at every step: each command runs once at most, and the server hears one end", async () => {
    const whole = open();
    expect(await whole.live()).toBe("ended");
    expect(file(whole, "ran")).toEqual(["pre", "replace main", "replace worker", "post"]);
    expect(whole.outcomes()).toMatchObject([{ step: "done", generation: 3 }]);
    const steps = whole.steps();
    expect(steps.length).toBeGreaterThan(20);

    const killedAt = async (dieAt: number): Promise<void> => {
      const step = steps[dieAt];
      const host = open();
      expect([step, await host.live(dieAt)]).toEqual([step, "killed"]);
      const noted = host.record();
      const inHook = noted?.outcome === null && noted.stage.endsWith("-hook");
      expect([step, await host.live()]).toEqual([step, "ended"]);
      const ran = file(host, "ran");
      expect([step, ran]).toEqual([step, [...new Set(ran)]]);
      expect([step, new Set(host.outcomes().map((line) => JSON.stringify({ ...line, at: "" }))).size]).toEqual([step, 1]);
      const [outcome] = host.outcomes();
      // What was let go before the agent died has run or not, and is not begun again; the rest is carried to its end.
      if (outcome?.step === "done") expect([step, ran, runs(host)]).toEqual([step, ["pre", "replace main", "replace worker", "post"], [digest("b"), digest("c")]]);
      else expect([step, outcome]).toMatchObject([step, { step: "failed", reason: "interrupted" }]);
      if (inHook) expect([step, outcome?.step]).toEqual([step, "failed"]);
      // The same document once more begins nothing; to see it now and then is enough.
      if (dieAt % 8 !== 0) return;
      const before = host.steps().length;
      expect([step, await host.live(), host.steps().length, file(host, "ran")]).toEqual([step, "ended", before, ran]);
    };
    for (let dieAt = 0; dieAt < steps.length; dieAt += 4) await Promise.all([0, 1, 2, 3].map((more) => dieAt + more).filter((at) => at < steps.length).map(killedAt));
  }, 300_000);

  it.each([
    ["pre-hook", { pre: KILL }, ["pre"], { step: "failed", reason: "interrupted", message: expect.stringContaining("the replacement was not begun") }],
    ["post-hook", { post: KILL }, ["pre", "replace main", "replace worker", "post"], { step: "failed", reason: "interrupted", message: expect.stringContaining("the replacement itself was done") }],
    // The command outlives the agent; the next one waits for it, sees that it did its part, and goes on.
    ["replace command, which finishes", { replace: `[ "$PLUMBLINE_COMPONENT" = worker ] || { ${KILL}; sleep 0.5; }` }, ["pre", "replace main", "replace worker", "post"], { step: "done" }],
    ["replace command, which ends with it", { replace: `[ "$PLUMBLINE_COMPONENT" = worker ] || { ${KILL}; exit 1; }` }, ["pre", "replace main"], { step: "failed", reason: "interrupted" }],
  ])("by its own %s: nothing is run twice", async (_name, inside, ran, outcome) => {
    const host = open(inside);
    expect(await host.live()).toBe("killed");
    expect(await host.live()).toBe("ended");
    expect(file(host, "ran")).toEqual(ran);
    expect(host.outcomes()).toMatchObject([outcome]);
  }, 60_000);

  it("while it fetches ahead: fetches again, and nothing was touched", async () => {
    const host = open({ prefetch: (dir) => `[ $(wc -l < ${dir}/fetched) -gt 1 ] || ${KILL}` });
    expect(await host.live()).toBe("killed");
    expect([file(host, "ran"), host.record()]).toEqual([[], null]);
    expect(await host.live()).toBe("ended");
    expect(file(host, "fetched")).toEqual(["prefetch main", "prefetch main", "prefetch worker"]);
    expect(host.outcomes()).toMatchObject([{ step: "done" }]);
  }, 60_000);
});
