import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { createClient, CliError, dataFolder, readSetupFile, type Client } from "@/cli/client";
import { readJsonFile, writeFileDurably, ensureStateDir } from "@/cli/agent/state-files";
import type { EnrolmentDto } from "@/lib/contract/access";
import type { MatrixDto } from "@/lib/contract/fleet";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { DEMO_ENVIRONMENTS, DEMO_PROMOTION, DEMO_RECALLED, DEMO_SERVICES, DEMO_UNAPPROVED, demoImage, findDemoImage, makeDemoClusters } from "./demo-fleet";
import { openSimulatedHost, type SimulatedHost } from "./simulated-host";

const PARALLEL = 4;
const ILL_AFTER_MS = 12_000;
const SILENT_AFTER_MS = 5_000;

/**
 * Fills a demo server and keeps its fleet alive until the signal: registers and approves releases, assigns them,
 * enrols simulated hosts, promotes payments 1.42.0, and then lets some of it go wrong. Everything goes through the
 * public API and the agents' protocol. A later start finds the fleet as it was left.
 */
export async function runDemo(options: { url: string; signal: AbortSignal; log: (line: string) => void }): Promise<void> {
  const { url, signal, log } = options;
  // Every host listens to the one signal.
  setMaxListeners(0, signal);
  const data = dataFolder();
  const stateDir = join(data, "simulated");
  await ensureStateDir(stateDir);
  const seededFile = join(stateDir, "seeded.json");
  const seeded = (await readJsonFile(seededFile)) !== null;
  const token = readSetupFile(data)?.token;
  if (!seeded && !token) throw new CliError(`The demo fills itself with the token in ${join(data, "setup.json")}, which is not there. Remove the folder ${data} to begin anew.`);
  // Registered by the set-up token, approved and promoted by the demo's person: four eyes hold here too.
  const registrar = createClient({ url, token });
  const person = createClient({ url, token: "" });

  if (!seeded) await registerAndApprove(registrar, person);
  const clusters = makeDemoClusters(new Date());
  if (!seeded) {
    await assign(person);
    await recall(person);
    for (const environment of DEMO_ENVIRONMENTS) await person.post("pools", { name: `demo-${environment}`, environments: [environment] });
  }
  const hosts: { host: SimulatedHost; goesSilent: boolean }[] = [];
  for (const cluster of clusters) {
    const enrolmentToken = async () => (await person.post<EnrolmentDto>("enrolments", { pool: `demo-${cluster.environment}`, maxUses: 1, expiresInHours: 1 })).token;
    const host = await openSimulatedHost({ url, name: cluster.name, region: cluster.region, stateDir: join(stateDir, cluster.name), targets: cluster.targets, pull: findDemoImage, workMs: () => 60 + Math.random() * 120, enrolmentToken, log: () => undefined });
    hosts.push({ host, goesSilent: cluster.goesSilent });
  }
  log(`${hosts.length} simulated hosts report to ${url}`);
  const running = hosts.map(({ host, goesSilent }) => host.run(goesSilent ? AbortSignal.any([signal, AbortSignal.timeout(SILENT_AFTER_MS + 3_000)]) : signal));
  if (!seeded) {
    await untilReported(person, clusters.flatMap((cluster) => cluster.targets).reduce((sum, target) => sum + target.instances.length, 0), signal);
    await promotePayments(person, signal);
    await writeFileDurably(seededFile, JSON.stringify({ seededAt: new Date().toISOString() }));
    await sleep(ILL_AFTER_MS, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) fallIll(hosts.map(({ host }) => host));
  }
  await Promise.all(running);
}

async function registerAndApprove(registrar: Client, person: Client): Promise<void> {
  for (const service of DEMO_SERVICES) {
    // One after the other: older and newer are the order of registration.
    for (const version of service.versions) {
      const image = demoImage(service.name, version);
      await registrar.post("releases", {
        service: service.name,
        version,
        components: [{ name: "main", repository: image.repository, reference: `${image.repository}:${version}`, digest: image.digest, manifests: [{ bytes: Buffer.from(image.manifest).toString("base64") }] }],
        commits: { head: image.configDigest.slice(7, 47), count: 3 },
        sourceUrl: `https://git.demo.example/shop/${service.name}`,
        migrations: service.name === "payments" && version === "1.42.0" ? [{ id: "0417-add-settled-at", kind: "expand" }] : [],
      });
    }
  }
  const approvals = DEMO_SERVICES.flatMap((service) => service.versions.filter((version) => !DEMO_UNAPPROVED.has(version)).map((version) => ({ service: service.name, version, environment: "production" })));
  await inParallel(approvals, (approval) => person.post("approvals", { ...approval, note: "Demo" }));
}

async function assign(person: Client): Promise<void> {
  const promotions = DEMO_SERVICES.flatMap((service) =>
    DEMO_ENVIRONMENTS.map((environment) => ({
      service: service.name,
      environment,
      version: service.name === DEMO_PROMOTION.service && environment === DEMO_PROMOTION.environment ? DEMO_PROMOTION.from : service.assigned[environment],
      reason: "First assignment of the demo",
    })),
  );
  await inParallel(promotions, (promotion) => person.post("promotions", promotion));
}

async function recall(person: Client): Promise<void> {
  await person.post("recalls", DEMO_RECALLED);
}

async function untilReported(person: Client, instances: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const matrix = await person.get<MatrixDto>("fleet/matrix");
    if (matrix.totals.instances >= instances) return;
    await sleep(300);
  }
}

/** The release reaches the first clusters, and then waits for somebody to say go. */
async function promotePayments(person: Client, signal: AbortSignal): Promise<void> {
  const { service, environment, to } = DEMO_PROMOTION;
  await person.put("strategies", {
    environment,
    version: 0,
    reason: "Demo",
    strategy: {
      promote: { cut: { kind: "percentages", steps: [5, 25, 100] }, gate: { soakMs: 1_000, failureThreshold: 0.05 }, waves: [{ wave: 3, goAhead: true }], onFailure: "pause", minUptimeMs: 1_000 },
      rollback: { cut: { kind: "all-at-once" }, minUptimeMs: 1_000 },
    },
  });
  let rollout = await person.post<RolloutDto>("promotions", { service, environment, version: to, reason: "Settlement dates in the receipt" });
  while (!signal.aborted && rollout.finishedAt === null && rollout.waitingFor === null) {
    await sleep(500);
    rollout = await person.get<RolloutDto>(`rollouts/${rollout.id}`);
  }
}

/** Every sixth copy of the promoted release turns unhealthy and has restarted. */
function fallIll(hosts: SimulatedHost[]): void {
  for (const host of hosts) {
    host.runtime.alter((targets) => {
      for (const target of targets) {
        if (target.service !== DEMO_PROMOTION.service || target.environment !== DEMO_PROMOTION.environment) continue;
        for (const [index, instance] of target.instances.entries()) {
          if (index % 6 === 0 && instance.image.version === DEMO_PROMOTION.to) Object.assign(instance, { health: "unhealthy", restarts: instance.restarts + 1 });
        }
      }
    });
  }
}

/** Works on a few items at a time, so that a small machine stays responsive. */
async function inParallel<T>(items: T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
