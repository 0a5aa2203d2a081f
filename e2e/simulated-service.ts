import type { PlaywrightWorkerArgs } from "@playwright/test";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { asSignedIn, expect, makeImage, mustRun, setup, url } from "./fixtures";

export type SimulatedService = { stop(): Promise<void> };

type Options = {
  service: string;
  environment: string;
  versions: readonly [string, ...string[]];
  hosts: number;
  /** Copies on each host. */
  instances: number;
  /** The pool of its hosts, made when it is not there. */
  pool?: string;
  /** Whether the signed-in person approves the versions first. */
  approve?: boolean;
};

/** Registers the versions of a service and lets simulated hosts run the first of them. Nothing is assigned yet. */
export async function startSimulatedService(playwright: PlaywrightWorkerArgs["playwright"], { service, environment, versions, hosts, instances, pool = `pool-${service}`, approve = false }: Options): Promise<SimulatedService> {
  const repository = `registry.example/shop/${service}`;
  const ci = await playwright.request.newContext({ extraHTTPHeaders: { authorization: `Bearer ${setup().token}` } });
  const person = await asSignedIn(playwright);
  for (const version of versions) {
    const image = makeImage(repository, version);
    const components = [{ name: "main", repository, digest: image.digest, manifests: [{ bytes: Buffer.from(image.manifest).toString("base64") }] }];
    const registered = await ci.post(`${url()}/api/v1/releases`, { data: { service, version, components, migrations: [] } });
    expect(registered.ok(), await registered.text()).toBe(true);
    if (!approve) continue;
    const approved = await person.post(`${url()}/api/v1/approvals`, { data: { service, version, environment } });
    expect(approved.ok(), await approved.text()).toBe(true);
  }
  await Promise.all([ci.dispose(), person.dispose()]);
  await mustRun("pool", "create", pool, "--environment", environment);
  const folder = mkdtempSync(join(tmpdir(), "plumbline-e2e-"));
  const args = ["simulate", "--pool", pool, "--hosts", String(hosts), "--instances", String(instances), "--service", service, "--repository", repository, "--release", versions[0], "--interval", "1", "--state", folder];
  const child = spawn(process.execPath, [resolve("dist/plumbline.mjs"), ...args], { env: { ...process.env, PLUMBLINE_URL: url(), PLUMBLINE_TOKEN: setup().token }, stdio: "ignore" });
  return {
    stop: async () => {
      if (child.exitCode === null) {
        const ended = new Promise((done) => child.once("exit", done));
        child.kill("SIGTERM");
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
