import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openExecRuntime, parseListing } from "./exec";
import { runCommand } from "./run-command";
import type { CommandProcess } from "./run-command";
import type { Execution, Task } from "./runtime";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const allowed = { mayAct: () => true };

describe("parseListing", () => {
  it("reads what runs, and a target where nothing does", () => {
    const observation = parseListing(
      [
        JSON.stringify({ target: "pay", service: "payments", digest: digest("a"), pid: 7, startedAt: "2026-01-01T00:00:00Z", mutated: { count: 1, paths: ["run"] } }),
        JSON.stringify({ target: "pay", component: "worker", digests: [digest("b"), digest("b")], digestKind: "manifest", health: "healthy", state: "starting", ignored: true }),
        JSON.stringify({ target: "empty", state: "none", desired: 0 }),
      ].join("\n"),
      allowed,
    );
    expect(observation).toMatchObject({ complete: true, errors: [] });
    expect(observation.targets).toMatchObject([
      { key: "pay", labels: { "plumbline.service": "payments" }, desired: 2, ready: 1, components: [{ name: "main" }, { name: "worker" }], canAct: true },
      { key: "empty", desired: 0, ready: 0 },
    ]);
    expect(observation.instances).toMatchObject([
      { target: "pay", component: "main", state: "running", startedAt: "2026-01-01T00:00:00.000Z", mutated: { count: 1, paths: ["run"] } },
      { target: "pay", component: "worker", state: "starting", health: "healthy" },
    ]);
    expect(observation.images.get(observation.instances[0]?.image ?? "")?.digests).toEqual([{ digest: digest("a"), kind: "file" }]);
    expect(observation.images.get(observation.instances[1]?.image ?? "")?.digests).toEqual([{ digest: digest("b"), kind: "manifest" }]);
  });
  it.each(["not json", "[]", "null", "{}", '{"target":""}', '{"target":7}', '{"target":"a","digest":"md5:1"}', '{"target":"a","digest":7}', '{"target":"a","state":"odd"}', '{"target":"a","component":{}}', "# pay: the file is damaged"])("makes a named error of %s and keeps the other lines", (line) => {
    const observation = parseListing(`${line}\n${JSON.stringify({ target: "good", digest: digest("a") })}`, allowed);
    expect(observation.complete).toBe(false);
    expect(observation.errors).toHaveLength(1);
    expect(observation.errors[0]?.message).toMatch(/^line 1: /);
    expect(observation.instances.map((one) => one.target)).toEqual(["good"]);
  });
  it("names a doubled instance", () => {
    const line = JSON.stringify({ target: "a", instance: "x", digest: digest("a") });
    expect(parseListing(`${line}\n${line}`, allowed).errors).toHaveLength(1);
  });
});

describe("the exec runtime", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "plumbline-exec-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const script = async (name: string, text: string) => {
    const path = join(dir, name);
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const task: Task = { target: "pay", generation: 4, rollout: "r-1", entry: 1, service: "payments", environment: "production", repository: "team/pay", components: [{ name: "main", digests: [digest("a"), digest("b")] }], force: false };
  const execution = (saved: unknown = null): Execution & { saves: unknown[] } => {
    const saves: unknown[] = [];
    return { saved, saves, save: async (record) => void saves.push(record), progress: () => undefined };
  };
  const open = async (list: string, replace: string, more = {}) => openExecRuntime({ listCommand: await script("list", list), replaceCommand: await script("replace", replace), env: { PATH: process.env.PATH }, mayAct: () => true, pollMs: 1_000, ...more });

  it("gives the replace command its arguments as variables", async () => {
    const runtime = await open("true", `env | grep ^PLUMBLINE | sort > ${dir}/seen`);
    const one = execution();
    expect(await runtime.execute(task, one)).toEqual({ ok: true });
    expect(one.saves).toEqual([
      { done: [], running: { component: "main", process: { pid: expect.any(Number), startTime: expect.any(String) } } },
      { done: ["main"], running: null },
    ]);
    expect(Object.fromEntries((await readFile(join(dir, "seen"), "utf8")).trim().split("\n").map((line) => line.split("=")))).toEqual({
      PLUMBLINE_ACTION: "replace",
      PLUMBLINE_COMPONENT: "main",
      PLUMBLINE_DIGEST: digest("a"),
      PLUMBLINE_DIGESTS: `${digest("a")} ${digest("b")}`,
      PLUMBLINE_ENVIRONMENT: "production",
      PLUMBLINE_GENERATION: "4",
      PLUMBLINE_REPOSITORY: "team/pay",
      PLUMBLINE_ROLLOUT: "r-1",
      PLUMBLINE_SERVICE: "payments",
      PLUMBLINE_TARGET: "pay",
    });
  });
  it("tells a failure with the end of standard error", async () => {
    const runtime = await open("true", "echo the disk is full >&2; exit 3");
    expect(await runtime.execute(task, execution())).toEqual({ ok: false, reason: "start-failed", message: "the disk is full", exitCode: 3 });
  });
  it("ends a command that hangs, with what it started", async () => {
    const runtime = await open("true", "sleep 1000 & sleep 1000", { replaceTimeoutMs: 200 });
    expect(await runtime.execute(task, execution())).toMatchObject({ ok: false, reason: "timeout" });
  });
  it("bounds what a command prints", async () => {
    const runtime = await open("yes | head -c 20000000", "true");
    expect((await runtime.observe()).complete).toBe(false);
  });
  it("a list command that fails is an incomplete coverage, not an empty host", async () => {
    const runtime = await open("echo no engine >&2; exit 1", "true");
    expect(await runtime.observe()).toMatchObject({ complete: false, errors: [{ message: expect.stringContaining("no engine") }] });
  });
  it("fetches ahead with a command of its own, one component after the other, and nothing without one", async () => {
    const two = { ...task, components: [{ name: "main", digests: [digest("a")] }, { name: "worker", digests: [digest("b")] }] };
    const { generation: _, force: __, ...ahead } = two;
    const runtime = await open("true", `touch ${dir}/replaced`, { prefetchCommand: await script("prefetch", `echo $PLUMBLINE_ACTION $PLUMBLINE_COMPONENT $PLUMBLINE_DIGEST $PLUMBLINE_GENERATION $PLUMBLINE_REPOSITORY >> ${dir}/fetched`) });
    await runtime.prefetch?.(ahead);
    expect(await readFile(join(dir, "fetched"), "utf8")).toBe(`prefetch main ${digest("a")} 0 team/pay\nprefetch worker ${digest("b")} 0 team/pay\n`);
    await expect(readFile(join(dir, "replaced"))).rejects.toThrow();
    const failing = await open("true", "true", { prefetchCommand: "echo no route to host >&2; exit 4" });
    await expect(failing.prefetch?.(two)).rejects.toThrow("no route to host");
    const slow = await open("true", "true", { prefetchCommand: "sleep 1000", prefetchTimeoutMs: 100 });
    await expect(slow.prefetch?.(two)).rejects.toThrow("took too long");
    expect((await open("true", "true")).prefetch).toBeUndefined();
  });
  it("goes on with the components that a killed agent had not begun", async () => {
    const two = { ...task, components: [{ name: "main", digests: [digest("a")] }, { name: "worker", digests: [digest("b")] }] };
    const runtime = await open("true", `echo $PLUMBLINE_COMPONENT >> ${dir}/ran`);
    expect(await runtime.execute(two, execution({ done: ["main"], running: null }))).toEqual({ ok: true });
    expect(await readFile(join(dir, "ran"), "utf8")).toBe("worker\n");
  });
  it("waits for the command that a killed agent left running, and judges by what runs then", async () => {
    const listed = `[ -e ${dir}/done ] && echo '${JSON.stringify({ target: "pay", digest: digest("a") })}' || true`;
    const left: CommandProcess[] = [];
    const running = runCommand(`sleep 0.4; touch ${dir}/done`, { env: process.env, timeoutMs: 5_000, maxStdoutBytes: 100, started: async (process) => void left.push(process) });
    await expect.poll(() => left.length).toBe(1);
    const runtime = await open(listed, `touch ${dir}/again`);
    expect(await runtime.execute(task, execution({ done: [], running: { component: "main", process: left[0] } }))).toEqual({ ok: true });
    await running;
    await expect(readFile(join(dir, "again"))).rejects.toThrow();
  });
  it("of a forced replacement that was interrupted nobody can tell by the bytes", async () => {
    const runtime = await open(`echo '${JSON.stringify({ target: "pay", digest: digest("a") })}'`, `touch ${dir}/again`);
    expect(await runtime.execute({ ...task, force: true }, execution({ done: [], running: { component: "main", process: null } }))).toMatchObject({ ok: false, reason: "interrupted" });
  });
  it("does not run the command again that was interrupted; what runs tells how it ended", async () => {
    const runtime = await open(`echo '${JSON.stringify({ target: "pay", digest: digest("c") })}'`, `touch ${dir}/ran`);
    expect(await runtime.execute(task, execution({ component: "main" }))).toMatchObject({ ok: false, reason: "interrupted" });
    const right = await open(`echo '${JSON.stringify({ target: "pay", digest: digest("b") })}'`, `touch ${dir}/ran`);
    expect(await right.execute(task, execution({ component: "main" }))).toEqual({ ok: true });
    expect(await right.execute(task, execution())).toEqual({ ok: true });
    await expect(readFile(join(dir, "ran"))).rejects.toThrow();
    expect(await right.execute({ ...task, force: true }, execution())).toEqual({ ok: true });
    await readFile(join(dir, "ran"));
  });
});
