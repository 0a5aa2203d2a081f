import { createHash, randomUUID } from "node:crypto";
import type { z } from "zod";
import { inventoryReport, type InventoryReportInput } from "@/lib/contract/agent";
import { registerReleaseRequest, type RegisterReleaseRequest } from "@/lib/contract/releases";
import type { Ctx } from "@/server/context";
import { recordInventory } from "@/server/inventory/record-inventory";
import { registerRelease } from "@/server/releases/register-release";
import type { TestApp } from "./create-test-app";

const sha = (bytes: string | Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export type FakeImage = { digest: string; config: string; manifests: { bytes: string }[] };

/** A single-platform image whose bytes are made of its name. */
export function fakeImage(name: string): FakeImage {
  const config = sha(`config ${name}`);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 }, layers: [] }));
  return { digest: sha(bytes), config, manifests: [{ bytes: bytes.toString("base64") }] };
}

/** Registers `service version` with the image of that name. */
export async function registerVersion(ctx: Ctx, service: string, version: string, more: Partial<RegisterReleaseRequest> = {}): Promise<FakeImage & { id: string; created: boolean }> {
  const image = fakeImage(`${service} ${version}`);
  const component = { name: "main", repository: `registry.test/${service}`, digest: image.digest, manifests: image.manifests };
  const { release, created } = await registerRelease({ ctx, input: registerReleaseRequest.parse({ service, version, components: [component], ...more }) });
  return { ...image, id: release.id, created };
}

export type FakeTarget = { key: string; service: string; image: FakeImage; canAct?: boolean; health?: "healthy" | "unhealthy"; restarts?: number; upMs?: number; copy?: string; container?: string; repository?: string; labels?: Record<string, string> };

/** An agent that exists in the database, and reports what it is told to have. */
export class FakeAgent {
  readonly #bootId = randomUUID();
  #seq = 0;
  #clock = Date.now();
  /** When the next reports are received; null for now. */
  receivedAt: Date | null = null;
  /** How far its clock is off (ms). */
  clockMs = 0;
  private constructor(readonly ctx: Ctx) {}

  static async make(test: TestApp, environment: string): Promise<FakeAgent> {
    const [row] = await test.db.$queryRaw<{ id: string }[]>`
      WITH actor AS (INSERT INTO actors (kind, display_name) VALUES ('agent', 'host') RETURNING id),
        pool AS (INSERT INTO pools (name, entry_seq) VALUES (${`pool-${randomUUID().slice(0, 8)}`}, 0) RETURNING id),
        scope AS (INSERT INTO pool_environments (pool_id, environment_id) SELECT pool.id, e.id FROM pool, environments e WHERE e.name = ${environment})
      INSERT INTO agents (id, pool_id, name, runtime, agent_version, token_hash)
      SELECT actor.id, pool.id, 'host', 'docker', '1.0.0', sha256(actor.id::text::bytea) FROM actor, pool RETURNING id`;
    if (!row) throw new Error("no agent");
    return new FakeAgent({ ...test.app, actor: { id: row.id, kind: "agent", name: "host", personId: row.id, roles: [] }, requestId: "test" });
  }

  /** The time by its own clock, which stands still between its reports. */
  now(): string {
    return new Date(this.#clock + this.clockMs).toISOString();
  }

  /** A full report: these targets and nothing else, each with one copy that has been up for ten minutes, unless it says otherwise. */
  async report(...targets: FakeTarget[]): Promise<void> {
    this.#seq += 1;
    this.#clock += 15_000;
    const input: InventoryReportInput = {
      v: 1,
      bootId: this.#bootId,
      seq: this.#seq,
      observedAt: new Date(this.#clock + this.clockMs).toISOString(),
      scope: "engine",
      kind: "full",
      coverage: { complete: true, errors: [] },
      images: targets.map(({ service, image, repository = service }) => ({ digests: [{ digest: image.digest, kind: "manifest", repository: `registry.test/${repository}` }, { digest: image.config, kind: "config" }] })),
      targets: targets.map(({ key, service, canAct = true, image, container = "main", labels = {} }) => ({ key, labels: { "plumbline.service": service, ...labels }, components: [{ name: container, declared: image.digest }], desired: 1, canAct })),
      instances: targets.map(({ key, health = "healthy", restarts = 0, upMs = 600_000, copy, image, container = "main" }, at) => ({ key: copy ?? `${key}@${image.digest.slice(7, 15)}`, target: key, component: container, image: at, state: "running", health, restarts, startedAt: new Date(this.#clock + this.clockMs - upMs).toISOString() })),
    };
    const parsed: z.output<typeof inventoryReport> = inventoryReport.parse(input);
    await recordInventory({ ctx: this.ctx, input: parsed, ...(this.receivedAt && { now: this.receivedAt }) });
  }
}
