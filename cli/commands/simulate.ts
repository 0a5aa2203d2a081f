import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { CliError, createClient, type ClientOptions } from "@/cli/client";
import { makeImage, type SimulatedImage } from "@/cli/simulate/image";
import { runDemo } from "@/cli/simulate/run-demo";
import { openSimulatedHost } from "@/cli/simulate/simulated-host";
import { startInstances } from "@/cli/simulate/simulated-runtime";
import type { EnrolmentDto } from "@/lib/contract/access";

type SimulateOptions = ClientOptions & { demo?: boolean; pool?: string; hosts: string; instances: string; service: string; repository: string; version: string; workMs: string; interval: string; state?: string };

/** `plumbline simulate`: hosts in memory that speak the real protocol, for demos, rehearsals and load. */
export function registerSimulateCommand(program: Command): void {
  program
    .command("simulate")
    .description("Run simulated hosts against a server; they enrol, report, verify and obey like real ones")
    .option("--demo", "fill a demo server and keep its fleet alive (npm run demo)")
    .option("--pool <name>", "the pool that they join")
    .option("--hosts <n>", "how many hosts", "10")
    .option("--instances <n>", "instances per host", "10")
    .option("--service <name>", "what they run", "payments")
    .option("--repository <repository>", "where its images come from", "registry.demo.example/shop/payments")
    .option("--release <version>", "the version that runs at first", "1.0.0")
    .option("--work-ms <n>", "how long replacing one instance takes", "0")
    .option("--interval <seconds>", "how often they report", "15")
    .option("--state <dir>", "where the hosts keep their state; default: a new temporary folder")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<SimulateOptions & { release: string }>();
      const controller = new AbortController();
      // Every host listens to the one signal.
      setMaxListeners(0, controller.signal);
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
      const log = (line: string) => process.stderr.write(`${line}\n`);
      const url = (options.url ?? process.env["PLUMBLINE_URL"] ?? "http://127.0.0.1:4600").replace(/\/$/, "");
      if (options.demo) return runDemo({ url, signal: controller.signal, log });
      const pool = options.pool;
      if (!pool) throw new CliError("Name the pool that the simulated hosts join: --pool NAME (plumbline pool create NAME --environment E).");
      const client = createClient(options);
      const hosts = readCount(options.hosts, "--hosts", 10_000);
      const instances = readCount(options.instances, "--instances", 100_000);
      const stateDir = options.state ?? join(tmpdir(), `plumbline-simulate-${randomUUID()}`);
      const first = makeImage(options.repository, options.release);
      // A simulated registry: it has every digest, and hands out bytes that hash to it as far as anybody can tell.
      const pull = (digest: string): SimulatedImage => (digest === first.digest || digest === first.configDigest ? first : { ...first, digest, version: digest.slice(7, 14), configDigest: digest });
      const { token } = await client.post<EnrolmentDto>("enrolments", { pool, maxUses: null, expiresInHours: 1 });
      const started = new Date().toISOString();
      const opened = [];
      for (let index = 0; index < hosts; index += 1) {
        const name = `sim-${String(index + 1).padStart(4, "0")}`;
        const target = { key: options.service, service: options.service, environment: "", region: ["eu-west-1", "us-east-1", "ap-southeast-2"][index % 3] ?? "eu-west-1", instances: startInstances(`${options.service}-${name}`, first, instances, started) };
        opened.push(await openSimulatedHost({ url, name, region: target.region, stateDir: join(stateDir, name), targets: [target], pull, workMs: () => Number(options.workMs), enrolmentToken: () => Promise.resolve(token), intervalMs: Number(options.interval) * 1_000, log: () => undefined }));
      }
      log(`${opened.length} simulated hosts report to ${url}; Ctrl-C ends them`);
      await Promise.all(opened.map((host) => host.run(controller.signal)));
    });
}

function readCount(text: string, flag: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw new CliError(`${flag} wants a whole number from 1 to ${max}, not "${text}".`);
  return value;
}
