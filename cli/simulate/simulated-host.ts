import { join } from "node:path";
import { runAgent } from "@/cli/agent/agent";
import { enrollAgent } from "@/cli/agent/enroll";
import { loadIdentity } from "@/cli/agent/identity";
import { readJsonFile, writeFileDurably } from "@/cli/agent/state-files";
import { SimulatedRuntime, type SimulatedRuntimeOptions, type SimulatedTarget } from "./simulated-runtime";

export type SimulatedHost = { name: string; runtime: SimulatedRuntime; run(signal: AbortSignal): Promise<void> };

export type SimulatedHostOptions = Omit<SimulatedRuntimeOptions, "onChange"> & {
  url: string;
  name: string;
  region: string;
  stateDir: string;
  /** Asked only on the first start. */
  enrolmentToken: () => Promise<string>;
  intervalMs?: number;
  log: (line: string) => void;
};

/**
 * A host that exists in memory and speaks the real protocol through the real agent: enrols once, keeps its instances
 * in its state folder, reports, verifies and obeys.
 */
export async function openSimulatedHost(options: SimulatedHostOptions): Promise<SimulatedHost> {
  const { stateDir, name, url, region, intervalMs } = options;
  const worldFile = join(stateDir, "world.json");
  const identity =
    (await loadIdentity(stateDir)) ??
    (await enrollAgent({ url, token: await options.enrolmentToken(), stateDir, agentVersion: "simulated", runtime: "simulated", name, region, ...(intervalMs ? { intervalMs } : {}) }));
  const world = (await readJsonFile(worldFile)) as SimulatedTarget[] | null;
  let saving: Promise<void> = Promise.resolve();
  const runtime = new SimulatedRuntime({
    targets: world ?? options.targets,
    pull: options.pull,
    workMs: options.workMs,
    onChange: (targets) => {
      const text = JSON.stringify(targets);
      saving = saving.then(() => writeFileDurably(worldFile, text)).catch((error: unknown) => options.log(`${name}: cannot save: ${String(error)}`));
    },
  });
  return {
    name,
    runtime,
    run: async (signal) => {
      await runAgent({ stateDir, identity: { ...identity, url }, runtime, mayAct: () => true, intervalMs: identity.intervalMs, log: (line) => options.log(`${name}: ${line}`), signal });
      await saving;
    },
  };
}
