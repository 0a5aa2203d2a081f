import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRecord } from "../execution-store";
import type { ExecutionRecord } from "../execution-store";
import type { ProgressLine, Task } from "../runtimes/runtime";
import type { KillableAgent } from "./killable-agent";

const root = join(import.meta.dirname, "../../..");

/** Bundles the killable agent into `dir`, a folder from which the repository's packages are found; resolves with its file. */
export async function bundleKillable(): Promise<{ file: string; remove(): void }> {
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "killable-"));
  const file = join(dir, "agent.mjs");
  const { build } = await import("esbuild");
  await build({ entryPoints: [join(import.meta.dirname, "killable-agent.ts")], outfile: file, bundle: true, platform: "node", format: "esm", target: "node20", alias: { "@": root }, packages: "external", logLevel: "silent" });
  return { file, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export interface Host {
  dir: string;
  /** One process of the agent, killed before its step `dieAt`. Resolves with how it ended. */
  live(dieAt?: number): Promise<"ended" | "killed">;
  /** The steps of all its processes. */
  steps(): string[];
  heard(): ProgressLine[];
  outcomes(): ProgressLine[];
  /** What is on disk about its only target. */
  record(): ExecutionRecord | null;
  remove(): void;
}

/** A host with a state folder of its own, whose agent is a real process. */
export function openHost(bundle: string, told: (dir: string) => Omit<KillableAgent, "stateDir" | "heardFile" | "stepsFile" | "dieAt" | "tasks"> & { task: Task }): Host {
  const dir = mkdtempSync(join(tmpdir(), "plumbline-killed-"));
  const lines = (name: string): string[] => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), "utf8").split("\n").filter((line) => line !== "") : []);
  const heard = (): ProgressLine[] => lines("heard").map((line) => JSON.parse(line));
  return {
    dir,
    live: (dieAt = Number.MAX_SAFE_INTEGER) => {
      const { task, ...rest } = told(dir);
      const orders: KillableAgent = { ...rest, tasks: [task], stateDir: join(dir, "state"), heardFile: join(dir, "heard"), stepsFile: join(dir, "steps"), dieAt };
      writeFileSync(join(dir, "orders.json"), JSON.stringify(orders));
      return new Promise((resolve, reject) => {
        const agent = spawn(process.execPath, [bundle, join(dir, "orders.json")], { stdio: ["ignore", "ignore", "pipe"] });
        let said = "";
        agent.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
        agent.on("error", reject);
        // Not "close": a command that it left behind may hold its standard error.
        agent.on("exit", (code, signal) => {
          if (signal === "SIGKILL") resolve("killed");
          else if (code === 0) resolve("ended");
          else reject(new Error(`the agent ended with ${code ?? signal}: ${said}`));
        });
      });
    },
    steps: () => lines("steps"),
    heard,
    outcomes: () => heard().filter(({ step }) => step === "done" || step === "failed"),
    record: () => {
      const folder = join(dir, "state/executions");
      const [file] = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
      return file === undefined ? null : readRecord(JSON.parse(readFileSync(join(folder, file), "utf8")));
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
