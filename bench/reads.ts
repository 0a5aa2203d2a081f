import type { Client } from "@/cli/client";
import type { MatrixDto } from "@/lib/contract/fleet";
import { makeImage } from "@/cli/simulate/image";
import { openHosts, openPools, registerServices, type Copy, type HostPlan, type Service } from "./lib/fleet";
import { withStack } from "./lib/stack";
import { percentile, report } from "./report";

const SIZES = [1_000, 10_000, 100_000];
const TARGET_MS = new Map([[1_000, 10], [10_000, 15], [100_000, 50]]);
const COPIES = 250;
const SERVICES = 20;
const ENVIRONMENTS = ["dev", "staging"];
const REGIONS = ["eu-west-1", "us-east-1", "ap-southeast-2"];
const REQUESTS = 200;
const PATHS = { matrix: "fleet/matrix", findings: "findings", map: "fleet/map" };

/**
 * What people look at, p95 over HTTP, while the fleet grows; hosts have 250 instances of 20 services, about 2 % of which
 * deviate. Other sizes may be given: `reads 1000 10000`.
 */
export async function run({ args }: { args: string[] }): Promise<void> {
  const sizes = args.length > 0 ? args.map(Number) : SIZES;
  await withStack(async (_stack, api) => {
    const services = await registerServices(api, { services: SERVICES, versions: 3, environments: ENVIRONMENTS });
    const pools = await openPools(api, ENVIRONMENTS);
    const figures = new Map<string, number[]>();
    let hosts = 0;
    for (const size of sizes) {
      const wanted = Math.round(size / COPIES);
      await openHosts(api, Array.from({ length: wanted - hosts }, (_, at) => planHost(hosts + at, services)), pools);
      hosts = wanted;
      const { totals } = await api.get<MatrixDto>("fleet/matrix");
      if (totals.instances !== size) throw new Error(`the matrix counts ${totals.instances} of ${size} instances`);
      for (const [name, path] of Object.entries(PATHS)) {
        const value = await p95(api, path);
        figures.set(name, [...(figures.get(name) ?? []), value]);
        report({ bench: "reads", metric: `${name}_p95_ms_at_${size}`, value, unit: "ms", ...(TARGET_MS.has(size) && { target: `<= ${TARGET_MS.get(size)}` }), runs: REQUESTS });
      }
    }
    for (const [name, values] of figures) {
      const [first, last] = [values[0] ?? Number.NaN, values.at(-1) ?? Number.NaN];
      report({ bench: "reads", metric: `${name}_${sizes.at(-1)}_to_${sizes[0]}`, value: last / first, unit: "times", target: "<= 4", runs: REQUESTS });
    }
  });
}

async function p95(api: Client, path: string): Promise<number> {
  const samples: number[] = [];
  for (let at = -20; at < REQUESTS; at += 1) {
    const started = performance.now();
    await api.get(path);
    if (at >= 0) samples.push(performance.now() - started);
  }
  return percentile(samples, 0.95);
}

/** Every 5th host has one target that runs another release, every 20th one that runs what nobody registered. */
function planHost(at: number, services: readonly Service[]): HostPlan {
  const targets = new Map<string, string>();
  const copies: Copy[] = [];
  services.forEach((service, place) => {
    targets.set(service.name, service.name);
    const deviates = place === at % services.length;
    const image = deviates && at % 20 === 0 ? makeImage(service.images[0]?.repository ?? "", "unregistered") : service.images[deviates && at % 5 === 0 ? 1 + (at % 2) : 0];
    if (!image) throw new RangeError("a service without releases");
    const count = Math.floor(COPIES / services.length) + (place < COPIES % services.length ? 1 : 0);
    for (let copy = 0; copy < count; copy += 1) copies.push({ key: `${service.name}-${copy}`, target: service.name, image, restarts: 0 });
  });
  return { name: `host-${at}`, region: REGIONS[at % REGIONS.length] ?? "", environment: ENVIRONMENTS[at % ENVIRONMENTS.length] ?? "", targets, copies };
}
