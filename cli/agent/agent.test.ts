import { mkdtemp, readFile, readdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inventoryReport, leaveRequest, progressReport } from "@/lib/contract/agent";
import { toBase64 } from "@/lib/domain/ledger/bytes";
import { signCheckpoint } from "@/lib/domain/ledger/checkpoint";
import { signDesired } from "@/lib/domain/ledger/desired-state";
import type { DesiredPrefetch, DesiredTarget } from "@/lib/domain/ledger/desired-state";
import { encodeEntry } from "@/lib/domain/ledger/entry";
import { leafHash } from "@/lib/domain/ledger/merkle";
import { createSigner, encodeVkey } from "@/lib/domain/ledger/signed-note";
import { runAgent, runAgentOnce } from "./agent";
import { registerAgent } from "./commands";
import type { AgentOptions } from "./agent";
import { enrollAgain, enrollAgent, leaveFleet } from "./enroll";
import { openHooks } from "./hooks";
import type { Observation, PrefetchTask, Runtime, Task, Watcher } from "./runtimes/runtime";
import { keyFingerprint } from "./transport";

const ORIGIN = "plumbline.example";
const signer = createSigner(ORIGIN, new Uint8Array(32).fill(1));
const thief = createSigner(ORIGIN, new Uint8Array(32).fill(2));
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

/** A log of one entry: payments in production should run `a`. */
const entry = encodeEntry({
  v: 1,
  ledger: ORIGIN,
  seq: 0,
  type: "assignment-changed",
  at: "2026-01-31T12:00:00.000Z",
  actor: null,
  scope: { service: null, environment: null },
  payload: { kind: "rollback", rollout: null, service: "payments", environment: "production", partition: "default", from: null, to: { release: "r", version: "1", components: [{ name: "main", repository: "team/payments", digests: [digest("a")] }] }, hold: null, incident: null },
});
const checkpoint = signCheckpoint({ origin: ORIGIN, size: 1, root: leafHash(entry) }, [signer]);

/** The agents' door with one enrolled agent; checks every body against the contract. */
class FakeServer {
  reports: ReturnType<typeof inventoryReport.parse>[] = [];
  steps: string[] = [];
  refusals: string[] = [];
  held: number[] = [];
  left = false;
  ephemeral = false;
  version = 0;
  generation = 1;
  prefetch: DesiredPrefetch[] = [];
  signedBy = signer;
  problems: string[] = [];
  answer: { status: number; body: string } | null = null;
  requests = 0;
  private server: Server | undefined;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const raw = Buffer.concat(chunks);
        const text = (request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw).toString();
        this.requests += 1;
        const given = this.answer ?? this.respond(new URL(request.url ?? "/", "http://x"), text === "" ? null : JSON.parse(text), request.headers.authorization);
        response.writeHead(given.status, { "content-type": "application/json" }).end(given.body);
      });
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    const address = server.address();
    if (address !== null && typeof address !== "string") this.port = address.port;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  private respond(url: URL, body: unknown, authorization: string | undefined): { status: number; body: string } {
    if (url.pathname.endsWith("/enroll")) {
      return ok({ agent: "4b0c9a52-8f13-4f9e-9a35-0a3f7a2f9f10", token: "pla_secret", origin: ORIGIN, epoch: 1, vkey: encodeVkey(signer), recoveryVkey: encodeVkey(thief), checkpoint, intervalMs: 15_000, settingsKey: "00".repeat(32), environments: ["production"], ephemeral: this.ephemeral, accepts: { min: 1, max: 1 } });
    }
    if (authorization !== "Bearer pla_secret") return { status: 401, body: "{}" };
    if (url.pathname.endsWith("/inventory")) {
      this.reports.push(this.check(inventoryReport.safeParse(body)));
      return ok({ accepted: true, duplicate: false, seq: 1, desiredVersion: this.version, accepts: { min: 1, max: 1 } });
    }
    if (url.pathname.endsWith("/progress")) {
      const progress = this.check(progressReport.safeParse(body));
      this.steps.push(...progress.targets.map((line) => `${line.step}${line.reason ? ` ${line.reason}` : ""}`));
      if (progress.refusal) this.refusals.push(progress.refusal.reason);
      if (progress.heldVersion !== undefined) this.held.push(progress.heldVersion);
      return ok({ accepted: true });
    }
    if (url.pathname.endsWith("/leave")) {
      this.check(leaveRequest.safeParse(body));
      this.left = true;
      return ok({});
    }
    if (Number(url.searchParams.get("after")) >= this.version) return { status: 204, body: "" };
    const target: DesiredTarget = { target: "payments", service: "payments", environment: "production", partition: "default", entry: 0, repository: "team/payments", components: [{ name: "main", digests: [digest("a")] }], stop: false, generation: this.generation, rollout: null, fallback: null };
    const signed = signDesired(
      { v: 1, origin: ORIGIN, epoch: 1, agent: "4b0c9a52-8f13-4f9e-9a35-0a3f7a2f9f10", version: this.version, nonce: url.searchParams.get("nonce") ?? "", issuedAt: "2026-01-31T12:00:00.000Z", ttlMs: 60_000, checkpoint, entries: [{ index: 0, bytes: toBase64(entry), proof: [] }], targets: [target], prefetch: this.prefetch, recalled: [] },
      this.signedBy,
    );
    return ok({ ...signed, consistency: null });
  }

  private check<T>(parsed: { success: true; data: T } | { success: false; error: Error }): T {
    if (parsed.success) return parsed.data;
    this.problems.push(parsed.error.message);
    throw parsed.error;
  }
}

const ok = (body: object) => ({ status: 200, body: JSON.stringify(body) });

/** One target in memory that runs what it was told last. */
class FakeRuntime implements Runtime {
  readonly name = "simulated";
  running = "b";
  tasks: Task[] = [];
  watcher: Watcher | undefined;

  async observe(): Promise<Observation> {
    return {
      complete: true,
      errors: [],
      images: new Map([[this.running, { digests: [{ digest: digest(this.running), kind: "manifest" as const }] }]]),
      targets: [{ key: "payments", desired: 1, canAct: true }],
      instances: [{ key: `payments-${this.running}`, target: "payments", image: this.running, state: "running", health: "unknown" }],
    };
  }

  async watch(watcher: Watcher, signal: AbortSignal): Promise<void> {
    this.watcher = watcher;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  prefetched: string[] = [];
  async prefetch(task: PrefetchTask): Promise<void> {
    this.prefetched.push(task.target);
    if (task.target === "broken") throw new Error("no such host");
  }

  async execute(task: Task): Promise<{ ok: true }> {
    this.tasks.push(task);
    this.running = task.components[0]?.digests[0]?.slice(7, 8) ?? "";
    return { ok: true };
  }
}

describe("an agent against a server", () => {
  let dir: string;
  let server: FakeServer;
  let runtime: FakeRuntime;
  let controller: AbortController;
  let running: Promise<unknown> | undefined;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "plumbline-agent-"));
    server = new FakeServer();
    await server.start();
    runtime = new FakeRuntime();
    controller = new AbortController();
  });
  afterEach(async () => {
    controller.abort();
    await running;
    running = undefined;
    await server.stop();
    await rm(dir, { recursive: true, force: true });
    expect(server.problems).toEqual([]);
  });

  const enroll = (more: { token?: string; fingerprint?: string } = {}) => enrollAgent({ url: server.url, token: "ple_0123456789", stateDir: dir, agentVersion: "0.1.0", runtime: "docker", name: "host-1", ...more });
  const options = async (more: Partial<AgentOptions> = {}): Promise<AgentOptions> => ({ stateDir: dir, identity: JSON.parse(await readFile(join(dir, "identity.json"), "utf8")), runtime, mayAct: () => true, intervalMs: 60_000, log: () => undefined, signal: controller.signal, ...more });

  it("enrols once, keeps secrets to itself, and refuses another server's key", async () => {
    await expect(enroll({ fingerprint: "00".repeat(32) })).rejects.toThrow("another server's key");
    await expect(enroll({ token: `ple_0123456789.${"00".repeat(8)}` })).rejects.toThrow("another server's key");
    expect(await readdir(dir)).toEqual([]);
    await enroll({ fingerprint: keyFingerprint(encodeVkey(signer)) });
    expect((await stat(join(dir, "identity.json"))).mode & 0o077).toBe(0);
    await expect(enroll()).rejects.toThrow("enrolled already");
  });

  it("reports, obeys what it could verify, and proves it with the next report", async () => {
    await enroll();
    server.version = 1;
    expect(await runAgentOnce(await options())).toBe(true);
    expect(runtime.tasks.map((task) => [task.target, task.generation, task.force])).toEqual([["payments", 1, false]]);
    expect(server.reports.map((report) => [report.seq, report.kind, report.instances.map((one) => one.key)])).toEqual([
      [1, "full", ["payments-b"]],
      [2, "delta", ["payments-a"]],
    ]);
    expect(server.reports[1]?.removed).toEqual(["payments-b"]);
    expect(server.steps).toEqual(["acknowledged", "done"]);
    expect(server.held).toEqual([1]);
    expect(await runAgentOnce(await options())).toBe(true);
    expect(runtime.tasks).toHaveLength(1);
  });

  it("keeps what runs when the signature is another's, and says so", async () => {
    await enroll();
    server.version = 1;
    server.signedBy = thief;
    await runAgentOnce(await options());
    expect(runtime.tasks).toEqual([]);
    expect(server.refusals).toEqual(["bad-signature"]);
  });

  it("acts only where its host allows", async () => {
    await enroll();
    server.version = 1;
    await runAgentOnce(await options({ mayAct: () => false }));
    expect(runtime.tasks).toEqual([]);
    expect(server.steps).toEqual(["refused not-allowed"]);
  });

  it("fetches ahead what it may act on and what the ledger proves, and says so", async () => {
    await enroll();
    const rollout = "0b0c9a52-8f13-4f9e-9a35-0a3f7a2f9f11";
    const ahead = (target: string, more: Partial<DesiredPrefetch> = {}): DesiredPrefetch => ({ target, service: "payments", environment: "production", partition: "default", entry: 0, repository: "team/payments", components: [{ name: "main", digests: [digest("a")] }], rollout, ...more });
    server.prefetch = [ahead("next"), ahead("broken"), ahead("forbidden"), ahead("forged", { components: [{ name: "main", digests: [digest("f")] }] })];
    server.version = 1;
    await runAgentOnce(await options({ mayAct: (target) => target !== "forbidden" }));
    expect(runtime.prefetched.sort()).toEqual(["broken", "next"]);
    expect(server.steps.sort()).toEqual(["acknowledged", "done", "prefetch-failed", "prefetch-failed", "prefetched"]);
    expect(runtime.tasks.map((task) => task.target)).toEqual(["payments"]);
  });

  it("runs its host's hooks around a replacement", async () => {
    await enroll();
    server.version = 1;
    await runAgentOnce(await options({ hooks: openHooks({ pre: `echo pre-$PLUMBLINE_TARGET >> ${dir}/hooks`, post: `echo post >> ${dir}/hooks; exit 1`, timeoutMs: 5_000, env: process.env }) }));
    expect(await readFile(join(dir, "hooks"), "utf8")).toBe("pre-payments\npost\n");
    expect(server.steps).toEqual(["acknowledged", "pre-hook", "post-hook", "failed hook-failed"]);
    server.generation = 2;
    server.version = 2;
    await runAgentOnce(await options({ hooks: openHooks({ pre: "exit 1", timeoutMs: 5_000, env: process.env }) }));
    expect([server.steps.at(-1), runtime.tasks.length]).toEqual(["failed hook-failed", 1]);
  });

  it("reports at once when the runtime says so, and outlives the server's absence and its nonsense", async () => {
    await enroll();
    running = runAgent(await options());
    await expect.poll(() => server.reports.length, { timeout: 10_000 }).toBe(1);
    runtime.running = "c";
    runtime.watcher?.event({ id: "e1", at: "2026-01-31T12:00:00.000Z", target: "payments", kind: "start" });
    await expect.poll(() => server.reports.length, { timeout: 10_000 }).toBe(2);
    expect(server.reports[1]).toMatchObject({ seq: 2, kind: "delta", events: [{ id: "e1" }], instances: [{ key: "payments-c" }] });

    await server.stop();
    runtime.running = "d";
    runtime.watcher?.changed();
    await server.start();
    await expect.poll(() => server.reports.at(-1)?.instances[0]?.key, { timeout: 20_000 }).toBe("payments-d");

    server.answer = { status: 500, body: "<html>" };
    const before = server.requests;
    runtime.running = "e";
    runtime.watcher?.changed();
    await expect.poll(() => server.requests, { timeout: 20_000 }).toBeGreaterThan(before);
    server.answer = null;
    await expect.poll(() => server.reports.at(-1)?.instances[0]?.key, { timeout: 30_000 }).toBe("payments-e");
    expect(server.reports.map((report) => report.seq)).toEqual(server.reports.map((_, index) => index + 1));

    server.version = 1;
    await expect.poll(() => runtime.tasks.length, { timeout: 20_000 }).toBe(1);
  }, 90_000);

  it("is the only one on its folder", async () => {
    await enroll();
    running = runAgent(await options());
    await expect.poll(() => server.reports.length, { timeout: 10_000 }).toBe(1);
    await expect(runAgentOnce(await options())).rejects.toThrow("an agent runs already");
  });

  it.each([
    ["SIGTERM", true, true],
    ["SIGTERM", false, false],
    ["SIGINT", true, false],
  ] as const)("told to end by %s, of an ephemeral pool: %s, leaves the fleet: %s", async (signal, ephemeral, leaves) => {
    server.ephemeral = ephemeral;
    await enroll();
    const others = { SIGTERM: process.rawListeners("SIGTERM"), SIGINT: process.rawListeners("SIGINT") };
    for (const name of ["SIGTERM", "SIGINT"] as const) process.removeAllListeners(name);
    try {
      const program = new Command().exitOverride();
      registerAgent(program);
      const ended = program.parseAsync(["agent", "run", "--state", dir, "--runtime", "exec", "--list-command", "true"], { from: "user" });
      await expect.poll(() => server.reports.length, { timeout: 10_000 }).toBe(1);
      process.emit(signal, signal);
      await ended;
    } finally {
      for (const name of ["SIGTERM", "SIGINT"] as const) {
        process.removeAllListeners(name);
        for (const listener of others[name]) process.on(name, listener as NodeJS.SignalsListener);
      }
    }
    expect([server.left, (await readdir(dir)).includes("identity.json")]).toEqual([leaves, !leaves]);
  }, 30_000);

  it("ends when it was retired and its host may enrol again, and otherwise goes on asking", async () => {
    await enroll();
    server.answer = { status: 401, body: JSON.stringify({ type: "/problems/agent-succeeded", detail: "Another reports for it now." }) };
    running = runAgent(await options({ endsWhenRetired: true }));
    await expect.poll(() => server.requests, { timeout: 10_000 }).toBeGreaterThan(1);
    server.answer = null;
    controller.abort();
    expect(await running).toEqual({ retired: false, delivered: false });
    server.answer = { status: 401, body: JSON.stringify({ type: "/problems/agent-retired", detail: "This agent ended." }) };
    controller = new AbortController();
    expect(await runAgent(await options({ endsWhenRetired: true }))).toEqual({ retired: true, delivered: false });
  }, 30_000);

  it("enrolled again, obeys its new agent's first order, and none from before what it obeyed", async () => {
    await enroll();
    server.version = 7;
    server.generation = 5;
    await runAgentOnce(await options());
    expect(runtime.tasks.map((task) => task.generation)).toEqual([5]);
    await expect(enrollAgain({ stateDir: dir, token: `ple_0123456789.${"00".repeat(8)}`, agentVersion: "0.1.0" })).rejects.toThrow("another server's key");
    const [held, identity] = [await readFile(join(dir, "desired.json"), "utf8"), await readFile(join(dir, "identity.json"), "utf8")];
    await enrollAgain({ stateDir: dir, token: "ple_0123456789", agentVersion: "0.1.0" });
    expect(JSON.parse(await readFile(join(dir, "desired.json"), "utf8"))).toEqual({ ...JSON.parse(held), version: 0 });
    expect(JSON.parse(await readFile(join(dir, "identity.json"), "utf8"))).toEqual(JSON.parse(identity));
    server.version = 1;
    server.generation = 1;
    await runAgentOnce(await options());
    expect(runtime.tasks.map((task) => task.generation)).toEqual([5, 1]);
    await runAgentOnce(await options());
    expect(runtime.tasks).toHaveLength(2);
  });

  it("leaves, and forgets who it was", async () => {
    await enroll();
    await leaveFleet(dir, false, "left");
    expect([server.left, await readdir(dir)]).toEqual([true, []]);
    await enroll();
    await server.stop();
    await expect(leaveFleet(dir, false, "left")).rejects.toThrow();
    await leaveFleet(dir, true, "left");
    expect(await readdir(dir)).toEqual([]);
  });
});
