import { spawn, execFileSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { report } from "./report";

/** A fresh clone with an empty npm cache until it serves, then restarts until they are ready, in seconds. */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "plumbline-bench-start-"));
  const clone = join(folder, "clone");
  const port = await freePort();
  const env = { ...process.env, npm_config_cache: join(folder, "npm-cache"), PLUMBLINE_PORT: String(port), PLUMBLINE_DATA: join(folder, "data") };
  try {
    execFileSync("git", ["clone", "--quiet", "--no-hardlinks", process.cwd(), clone]);
    report({ bench: "start", metric: "clean_clone_to_serving_s", unit: "s", target: "<= 180", value: await timeToReady(clone, env, port), runs: 1 });
    const restarts: number[] = [];
    for (let round = 0; round < 3; round += 1) restarts.push(await timeToReady(clone, env, port));
    report({ bench: "start", metric: "restart_to_ready_s", unit: "s", target: "<= 3", value: restarts.sort((a, b) => a - b)[1] ?? Number.NaN, runs: restarts.length });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timeToReady(clone: string, env: NodeJS.ProcessEnv, port: number): Promise<number> {
  const began = performance.now();
  const child = spawn("npm", ["start"], { cwd: clone, env, stdio: ["ignore", "ignore", "inherit"], detached: true });
  try {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}.`);
      const response = await fetch(`http://127.0.0.1:${port}/api/health/ready`).catch(() => null);
      if (response?.ok) return (performance.now() - began) / 1_000;
      await sleep(20);
    }
  } finally {
    await end(child);
  }
}

/** Ctrl-C, as a terminal sends it: to the whole group. */
function end(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.pid === undefined) return done();
    child.once("exit", () => done());
    process.kill(-child.pid, "SIGINT");
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });
}
