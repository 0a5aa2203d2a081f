import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startTimeOf } from "@/cli/processes/process-store";
import { openHooks } from "./hooks";
import type { HookOptions } from "./hooks";
import { GATE, outliveCommand, runCommand } from "./runtimes/run-command";
import type { Task } from "./runtimes/runtime";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const task: Task = { target: "shop/pay", generation: 4, rollout: "r-1", entry: 1, service: "payments", environment: "production", repository: "team/pay", components: [{ name: "main", digests: [digest("a"), digest("b")] }, { name: "worker", digests: [digest("c")] }], force: false };
const noted = async () => undefined;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "plumbline-hooks-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (more: Partial<HookOptions>) => openHooks({ timeoutMs: 5_000, env: { PATH: process.env.PATH, HOST_OWN: "kept" }, ...more });

it("has only the hooks that the host names", () => {
  expect(Object.keys(open({}))).toEqual([]);
  expect(Object.keys(open({ post: "true" }))).toEqual(["post"]);
});

it("tells a hook what is replaced, and which one it is", async () => {
  const hooks = open({ pre: `env | grep -e ^PLUMBLINE -e ^HOST_OWN | sort > ${dir}/pre`, post: `echo $PLUMBLINE_HOOK $PLUMBLINE_ACTION > ${dir}/post` });
  expect(await hooks.pre?.run(task, noted)).toBeNull();
  expect(Object.fromEntries((await readFile(join(dir, "pre"), "utf8")).trim().split("\n").map((line) => line.split("=")))).toEqual({
    HOST_OWN: "kept",
    PLUMBLINE_ACTION: "replace",
    PLUMBLINE_COMPONENT: "main worker",
    PLUMBLINE_DIGEST: digest("a"),
    PLUMBLINE_DIGESTS: `${digest("a")} ${digest("b")} ${digest("c")}`,
    PLUMBLINE_ENVIRONMENT: "production",
    PLUMBLINE_GENERATION: "4",
    PLUMBLINE_HOOK: "pre",
    PLUMBLINE_REPOSITORY: "team/pay",
    PLUMBLINE_ROLLOUT: "r-1",
    PLUMBLINE_SERVICE: "payments",
    PLUMBLINE_TARGET: "shop/pay",
  });
  expect(await hooks.post?.run({ ...task, components: [] }, noted)).toBeNull();
  expect(await readFile(join(dir, "post"), "utf8")).toBe("post stop\n");
});

it.each([
  ["pre", "echo connections are open >&2; exit 3", /^the pre-hook ended with exit code 3; the replacement was not begun: connections are open$/, 3],
  ["post", "echo smoke test: 502; exit 1", /^the post-hook ended with exit code 1; the replacement itself was done, and what it started keeps running: smoke test: 502$/, 1],
  ["pre", "kill -9 $$", /^the pre-hook ended with SIGKILL; the replacement was not begun$/, undefined],
] as const)("a %s-hook that fails (%s) says so with the end of what it printed", async (name, command, message, exitCode) => {
  const failure = await open({ [name]: command })[name]?.run(task, noted);
  expect(failure).toMatchObject({ reason: "hook-failed", message: expect.stringMatching(message) });
  expect(failure?.exitCode).toBe(exitCode);
});

it("ends a hook that takes too long, with everything that it started", async () => {
  const failure = await open({ pre: `sleep 1000 & echo $! > ${dir}/child; wait`, timeoutMs: 400 }).pre?.run(task, noted);
  expect(failure).toMatchObject({ reason: "hook-failed", message: "the pre-hook took longer than 0.4 s and was ended; the replacement was not begun" });
  const child = Number(await readFile(join(dir, "child"), "utf8"));
  await expect.poll(() => startTimeOf(child)).toBeNull();
});

it("lets a hook do nothing before it is noted down, and nothing at all when that fails", async () => {
  const seen: unknown[] = [];
  const hooks = open({ pre: `touch ${dir}/ran` });
  await hooks.pre?.run(task, async ({ pid, startTime }) => {
    seen.push(startTimeOf(pid) === startTime, await readFile(join(dir, "ran")).catch(() => "not yet"));
  });
  expect(seen).toEqual([true, "not yet"]);
  await readFile(join(dir, "ran"));
  await rm(join(dir, "ran"));
  await expect(hooks.pre?.run(task, () => Promise.reject(new Error("disk full")))).rejects.toThrow("disk full");
  await expect(readFile(join(dir, "ran"))).rejects.toThrow();
});

it("a command whose agent dies before it is let go does nothing", async () => {
  const script = `
    const { spawn } = require("node:child_process");
    const child = spawn("/bin/sh", ["-c", ${JSON.stringify(GATE)}, "sh", "touch ${dir}/ran"], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    console.log(child.pid);`;
  const agent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = await new Promise<number>((resolve) => agent.stdout.once("data", (text: Buffer) => resolve(Number(text.toString()))));
  expect(startTimeOf(pid)).not.toBeNull();
  agent.kill("SIGKILL");
  await expect.poll(() => startTimeOf(pid)).toBeNull();
  await expect(readFile(join(dir, "ran"))).rejects.toThrow();
});

it("waits for a command that a killed agent left, and ends it past its time", async () => {
  const left: { pid: number; startTime: string }[] = [];
  const run = (command: string) => runCommand(command, { env: { PATH: process.env.PATH }, timeoutMs: 60_000, maxStdoutBytes: 100, started: async (process) => void left.push(process) });
  const short = run(`while [ ! -e ${dir}/go ]; do sleep 0.05; done; echo done > ${dir}/short`);
  await expect.poll(() => left.length).toBe(1);
  const waiting = outliveCommand(left[0] ?? { pid: 0, startTime: "" }, 60_000);
  void runCommand(`touch ${dir}/go`, { env: { PATH: process.env.PATH }, timeoutMs: 5_000, maxStdoutBytes: 100 });
  await waiting;
  expect(await readFile(join(dir, "short"), "utf8")).toBe("done\n");
  await short;

  const long = run("sleep 1000");
  await expect.poll(() => left.length).toBe(2);
  await outliveCommand(left[1] ?? { pid: 0, startTime: "" }, 0);
  expect((await long).signal).toBe("SIGKILL");
  // Another process of that number is not the command.
  await outliveCommand({ pid: process.pid, startTime: "1" }, 0);
});
