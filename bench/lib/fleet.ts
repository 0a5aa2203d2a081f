import { randomUUID } from "node:crypto";
import type { Client } from "@/cli/client";
import { makeImage, type SimulatedImage } from "@/cli/simulate/image";
import type { EnrolmentDto } from "@/lib/contract/access";
import type { EnrolRequest, EnrolResponse, InventoryReportInput } from "@/lib/contract/agent";
import { openConnection, type Answer, type Connection } from "./wire";

export type Service = { name: string; /** Oldest first; the first one is assigned. */ images: SimulatedImage[] };
export type Copy = { key: string; target: string; image: SimulatedImage; restarts: number };
export type Host = { name: string; region: string; environment: string; token: string; bootId: string; seq: number; targets: Map<string, string>; copies: Copy[] };

const STARTED = Date.UTC(2026, 0, 1);

/** Registers `versions` releases of each service and assigns the first of them in each environment. */
export async function registerServices(api: Client, { services, versions, environments }: { services: number; versions: number; environments: readonly string[] }): Promise<Service[]> {
  const made = Array.from({ length: services }, (_, at) => makeService(`service-${at}`, versions));
  for (const service of made) await registerService(api, service, environments);
  return made;
}

export function makeService(name: string, versions: number): Service {
  return { name, images: Array.from({ length: versions }, (_, at) => makeImage(`registry.bench.example/${name}`, `1.${at}.0`)) };
}

export async function registerService(api: Client, { name, images }: Service, environments: readonly string[]): Promise<void> {
  for (const { repository, version, digest, manifest } of images) {
    await api.post("releases", { service: name, version, components: [{ name: "main", repository, digest, manifests: [{ bytes: Buffer.from(manifest).toString("base64") }] }] });
  }
  for (const environment of environments) await api.post("promotions", { service: name, environment, version: images[0]?.version });
}

export type HostPlan = { name: string; region: string; environment: string; targets: Map<string, string>; copies: Copy[] };

/**
 * Enrols the hosts, one pool for each environment, and sends their first reports. They promise to report once an hour, so
 * that none goes silent while others are measured.
 */
export async function openHosts(api: Client, plans: readonly HostPlan[], pools: Map<string, string>): Promise<Host[]> {
  const hosts: Host[] = [];
  await inParallel(plans, async (plan) => {
    const token = pools.get(plan.environment);
    if (token === undefined) throw new RangeError(`There is no pool for ${plan.environment}.`);
    const body: EnrolRequest = { v: 1, token, name: plan.name, runtime: "simulated", agentVersion: "bench", region: plan.region, intervalMs: 3_600_000 };
    const response = await fetch(`${api.url}/api/agent/v1/enroll`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`a host could not enrol: ${await response.text()}`);
    const identity = (await response.json()) as EnrolResponse;
    hosts.push({ ...plan, token: identity.token, bootId: randomUUID(), seq: 0 });
  });
  await withConnections(api.url, 2, hosts, async (connection, host) => expectAccepted(await postReport(connection, host, fullReport(host))));
  return hosts;
}

/** A pool and an enrolment token for any number of hosts, by environment. */
export async function openPools(api: Client, environments: readonly string[]): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  for (const environment of environments) {
    await api.post("pools", { name: `bench-${environment}`, environments: [environment] });
    tokens.set(environment, (await api.post<EnrolmentDto>("enrolments", { pool: `bench-${environment}`, maxUses: null })).token);
  }
  return tokens;
}

/** Everything that runs on the host; the next report of its run. */
export function fullReport(host: Host): string {
  const images = [...new Set(host.copies.map(({ image }) => image))];
  const place = new Map(images.map((image, at) => [image, at]));
  const counts = new Map<string, number>();
  for (const { target } of host.copies) counts.set(target, (counts.get(target) ?? 0) + 1);
  return frame(host, {
    kind: "full",
    images: images.map((image) => ({
      digests: [
        { digest: image.digest, kind: "manifest", repository: image.repository },
        { digest: image.configDigest, kind: "config" },
      ],
      reference: `${image.repository}:${image.version}`,
    })),
    targets: [...host.targets].map(([key, service]) => ({ key, kind: "service", labels: { "plumbline.service": service }, components: [{ name: "main" }], desired: counts.get(key) ?? 0, ready: counts.get(key) ?? 0, canAct: true })),
    instances: host.copies.map(({ key, target, image, restarts }) => ({
      key, target, component: "main", image: place.get(image) ?? 0, state: "running", health: "healthy", startedAt: new Date(STARTED + restarts * 1_000).toISOString(), restarts, region: host.region,
    })),
  });
}

/** What an agent sends when nothing changed. */
export function unchangedReport(host: Host): string {
  return frame(host, { kind: "delta" });
}

function frame(host: Host, facts: Pick<InventoryReportInput, "kind" | "images" | "targets" | "instances">): string {
  host.seq += 1;
  const report: InventoryReportInput = { v: 1, bootId: host.bootId, seq: host.seq, observedAt: new Date().toISOString(), scope: "engine", coverage: { complete: true, errors: [] }, ...facts };
  return JSON.stringify(report);
}

export function postReport(connection: Connection, host: Host, body: string): Promise<Answer> {
  return connection.post("/api/agent/v1/inventory", host.token, body);
}

/** @throws Error when the server did not take it: a bench that measures refusals measures nothing */
export function expectAccepted({ status, body }: Answer): void {
  if (status !== 200 || !body.includes('"accepted":true') || body.includes('"duplicate":true')) throw new Error(`a report was not accepted: ${status} ${body}`);
}

/** Shares the items out over so many connections, each of which works on one at a time. */
export async function withConnections<T>(url: string, connections: number, items: readonly T[], work: (connection: Connection, item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = await openConnection(url);
      try {
        for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(connection, item);
      } finally {
        connection.close();
      }
    }),
  );
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}
