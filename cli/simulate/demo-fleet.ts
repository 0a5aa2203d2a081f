import { makeImage, type SimulatedImage } from "./image";
import { startInstances, type SimulatedTarget } from "./simulated-runtime";

export type DemoService = { name: string; versions: string[]; assigned: Record<DemoEnvironment, string>; weight: number };
export const DEMO_ENVIRONMENTS = ["dev", "staging", "production"] as const;
export type DemoEnvironment = (typeof DEMO_ENVIRONMENTS)[number];

/** Registration order is the order of `versions`. */
export const DEMO_SERVICES: DemoService[] = [
  { name: "payments", versions: ["1.41.2", "1.42.0", "1.43.0-rc.1"], assigned: { dev: "1.43.0-rc.1", staging: "1.42.0", production: "1.42.0" }, weight: 1.5 },
  { name: "catalog", versions: ["3.17.4", "3.18.0", "3.18.1-hotfix.2", "3.19.0-rc.1"], assigned: { dev: "3.19.0-rc.1", staging: "3.18.0", production: "3.18.0" }, weight: 1 },
  { name: "search", versions: ["8.3.2", "8.4.0"], assigned: { dev: "8.4.0", staging: "8.4.0", production: "8.3.2" }, weight: 0.8 },
  { name: "checkout", versions: ["7.8.3", "7.8.4", "7.9.0-rc.3"], assigned: { dev: "7.9.0-rc.3", staging: "7.8.4", production: "7.8.4" }, weight: 1 },
  { name: "gateway", versions: ["5.1.9", "5.2.0-rc.2"], assigned: { dev: "5.2.0-rc.2", staging: "5.1.9", production: "5.1.9" }, weight: 0.7 },
];

/** Releases that production never approved, and the one that was recalled. */
export const DEMO_UNAPPROVED = new Set(["1.43.0-rc.1", "3.18.1-hotfix.2", "3.19.0-rc.1", "7.9.0-rc.3", "5.2.0-rc.2", "8.4.0"]);
export const DEMO_RECALLED = { service: "catalog", version: "3.17.4", reason: "Leaks session ids into the access log" };

/** The promotion that the demo itself carries out; some copies of it fall ill a little later. */
export const DEMO_PROMOTION = { service: "payments", environment: "production", from: "1.41.2", to: "1.42.0" } as const;

const repositoryOf = (service: string) => `registry.demo.example/shop/${service}`;
const images = new Map<string, SimulatedImage>();
for (const service of DEMO_SERVICES) for (const version of service.versions) images.set(`${service.name} ${version}`, makeImage(repositoryOf(service.name), version));
const foreign = makeImage("docker.demo.example/tools/miner", "latest");

export function demoImage(service: string, version: string): SimulatedImage {
  const image = images.get(`${service} ${version}`);
  if (!image) throw new RangeError(`The demo has no ${service} ${version}.`);
  return image;
}

export function findDemoImage(digest: string): SimulatedImage | null {
  for (const image of images.values()) if (image.digest === digest || image.configDigest === digest) return image;
  return null;
}

export type DemoCluster = { name: string; environment: DemoEnvironment; region: string; targets: SimulatedTarget[]; goesSilent: boolean };

const PRODUCTION = [
  ["euw1-a", "eu-west-1", 52],
  ["euw1-b", "eu-west-1", 52],
  ["euw1-c", "eu-west-1", 48],
  ["use1-a", "us-east-1", 48],
  ["use1-b", "us-east-1", 44],
  ["apse2-a", "ap-southeast-2", 40],
  ["apse2-b", "ap-southeast-2", 36],
] as const;

/**
 * The fleet before anybody acts: about 2,000 instances in 12 clusters. Some drift on purpose, each for another reason;
 * the deviations are part of what a new user is meant to find.
 */
export function makeDemoClusters(now: Date): DemoCluster[] {
  const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString();
  const cluster = (name: string, environment: DemoEnvironment, region: string, base: number): DemoCluster => ({
    name,
    environment,
    region,
    goesSilent: false,
    targets: DEMO_SERVICES.map((service) => {
      const key = `${service.name}`;
      const count = Math.max(2, Math.round(base * service.weight));
      const version = service.name === "payments" && environment === "production" ? DEMO_PROMOTION.from : service.assigned[environment];
      return { key, service: service.name, environment, region, instances: startInstances(`${service.name}-${name}`, demoImage(service.name, version), count, minutesAgo(3 * 24 * 60)) };
    }),
  });
  const clusters: DemoCluster[] = [
    cluster("euw1-dev", "dev", "eu-west-1", 14),
    cluster("euw1-stg", "staging", "eu-west-1", 26),
    cluster("use1-stg", "staging", "us-east-1", 22),
    ...PRODUCTION.map(([name, region, base]) => cluster(name, "production", region, base)),
    cluster("euw1-edge", "production", "eu-west-1", 8),
    cluster("use1-edge", "production", "us-east-1", 8),
  ];
  const targetOf = (name: string, service: string): SimulatedTarget => {
    const target = clusters.find((item) => item.name === name)?.targets.find((item) => item.service === service);
    if (!target) throw new RangeError(`The demo has no ${service} in ${name}.`);
    return target;
  };
  const rerun = (name: string, service: string, version: string, count: number, minutes: number, from = 0) => {
    const target = targetOf(name, service);
    target.instances.splice(from, count, ...startInstances(`${service}-${name}`, demoImage(service, version), count, minutesAgo(minutes), 1_000));
  };
  rerun("euw1-b", "catalog", "3.17.4", 9, 64);
  rerun("euw1-b", "catalog", "3.18.1-hotfix.2", 24, 155, 9);
  rerun("use1-a", "catalog", "3.18.1-hotfix.2", 7, 151);
  rerun("apse2-b", "checkout", "7.8.3", 12, 320);
  targetOf("use1-edge", "gateway").instances.splice(0, 1, { key: "gateway-use1-edge-x1", image: foreign, startedAt: minutesAgo(38), health: "healthy", restarts: 0, mutated: null });
  for (const instance of targetOf("use1-stg", "gateway").instances.slice(0, 2)) instance.mutated = ["/etc/gateway/routes.yaml"];
  const edge = clusters.find((item) => item.name === "euw1-edge");
  if (edge) edge.goesSilent = true;
  return clusters;
}
