import { createHash, randomUUID } from "node:crypto";
import { inventoryReport, type EnrolResponse, type InventoryReportInput, type InventoryResponse } from "@/lib/contract/agent";
import { registerReleaseRequest } from "@/lib/contract/releases";
import { createEnrolment } from "@/server/access/create-enrolment";
import { createPool } from "@/server/access/create-pool";
import type { Ctx } from "@/server/context";
import { enrolAgent } from "@/server/inventory/enrol-agent";
import { recordInventory } from "@/server/inventory/record-inventory";
import { registerRelease } from "@/server/releases/register-release";
import type { TestApp } from "./create-test-app";

/** An image as a registry has it: every digest is the hash of bytes that exist. */
export type TestImage = { repository: string; config: string; manifest: string; index: string; manifests: { mediaType: string; bytes: string }[] };

const sha = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

export function makeImage(repository: string, content: string): TestImage {
  const config = sha(`config ${content}`);
  const manifestText = JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 10 }, layers: [], annotations: { content } });
  const manifest = sha(manifestText);
  const indexText = JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: manifest, size: manifestText.length, platform: { os: "linux", architecture: "amd64" } }] });
  const index = sha(indexText);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return {
    repository,
    config,
    manifest,
    index,
    manifests: [
      { mediaType: "application/vnd.oci.image.index.v1+json", bytes: base64(indexText) },
      { mediaType: "application/vnd.oci.image.manifest.v1+json", bytes: base64(manifestText) },
    ],
  };
}

/** Registers a version of a service with one component of this image. */
export async function registerVersion(test: TestApp, { service, version, image }: { service: string; version: string; image: TestImage }): Promise<string> {
  const ctx = await test.ctx();
  const input = registerReleaseRequest.parse({
    service,
    version,
    components: [{ name: "main", repository: image.repository, digest: image.index, manifests: image.manifests }],
  });
  return (await registerRelease({ ctx, input })).release.id;
}

export type TestAgent = {
  id: string;
  token: string;
  ctx: Ctx;
  enrolment: EnrolResponse;
  /** Sends one report; seq and bootId are the next ones unless given. */
  report: (report: Partial<InventoryReportInput>, at?: Date) => Promise<InventoryResponse>;
  bootId: string;
  seq: number;
};

/** A pool for these environments and one agent in it. */
export async function enrolTestAgent(test: TestApp, { environments = ["production"], name = "host-a", scopes = ["engine"] }: { environments?: string[]; name?: string; scopes?: string[] } = {}): Promise<TestAgent> {
  const admin = await test.ctx();
  const pool = `pool-${randomUUID().slice(0, 8)}`;
  await createPool({ ctx: admin, input: { name: pool, environments, scopes, ephemeral: false, networks: [] } });
  const { token } = await createEnrolment({ ctx: admin, input: { pool, expiresInHours: 1, maxUses: 1 } });
  const enrolment = await enrolAgent({ ctx: admin, input: { v: 1, token, name, runtime: "docker", agentVersion: "1.0.0", scopes, intervalMs: 15_000 } });
  const ctx: Ctx = { ...test.app, actor: { id: enrolment.agent, kind: "agent", name, personId: enrolment.agent, roles: [] }, requestId: "test" };
  const agent: TestAgent = {
    id: enrolment.agent,
    token: enrolment.token,
    ctx,
    enrolment,
    bootId: `boot-${randomUUID()}`,
    seq: 0,
    report: async (report, at = new Date()) => {
      const seq = report.seq ?? agent.seq + 1;
      const input = inventoryReport.parse({
        v: 1, bootId: agent.bootId, seq, observedAt: at.toISOString(), scope: "engine", kind: seq === 1 ? "full" : "delta",
        coverage: { complete: true, errors: [] }, images: [], targets: [], instances: [], removed: [], events: [], ...report,
      });
      const answer = await recordInventory({ ctx, input, now: at });
      agent.seq = Math.max(agent.seq, seq);
      return answer;
    },
  };
  return agent;
}

/** A container of an image as a docker agent reports it: a target of its own. */
export function container(
  name: string,
  { labels = {}, state = "running", health = "unknown", ...rest }: Partial<NonNullable<InventoryReportInput["instances"]>[number]> & { labels?: Record<string, string> } = {},
): { target: NonNullable<InventoryReportInput["targets"]>[number]; instance: NonNullable<InventoryReportInput["instances"]>[number] } {
  return {
    target: { key: name, kind: "service", labels, components: [{ name: "main", declared: null }], desired: 1, ready: state === "running" ? 1 : 0, canAct: false },
    instance: { key: `${name}-1`, target: name, component: "main", image: 0, state, health, ...rest },
  };
}

/** What a registry's image looks like through Podman: manifest digests with their repository, and the config as its id. */
export function pulled(image: TestImage, tag = "latest"): NonNullable<InventoryReportInput["images"]>[number] {
  return {
    digests: [
      { digest: image.index, kind: "unspecified", repository: image.repository },
      { digest: image.manifest, kind: "unspecified", repository: image.repository },
      { digest: image.config, kind: "config" },
    ],
    reference: `${image.repository}:${tag}`,
  };
}
