import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { judgeCheck } from "@/lib/domain/rollout/judge-check";
import type { ExternalCheck } from "@/lib/domain/rollout/strategy";
import { readConfig } from "@/server/config";
import { askCheck } from "./ask-check";

/** Skipped where there is none; a binary of Debian's package will do. */
const program = process.env["PLUMBLINE_TEST_PROMETHEUS"] ?? "prometheus";
const missing = spawnSync(program, ["--version"]).status !== 0;

describe.skipIf(missing)("checks against a real Prometheus", () => {
  const dir = mkdtempSync(join(tmpdir(), "plumbline-prometheus-"));
  let child: ChildProcess;
  let url: string;
  const zero = new Uint8Array(32);
  const app = {
    config: readConfig({ DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none", PLUMBLINE_OUTBOUND_ALLOW: "127.0.0.1" }),
    keys: { origin: "test", epoch: 1, signingSeed: zero, appendKey: zero, fleetKey: zero, authSecret: "", recoveryPublicKey: zero, localKey: "" },
  };
  const ask = async (query: string, op: "<" | ">" | "==" = "<", threshold = 2) => {
    const check: ExternalCheck = { kind: "prometheus", url, query, op, threshold, timeoutMs: 10_000, everyMs: 1_000, withinMs: 10_000 };
    return judgeCheck(check, await askCheck(app, check, { id: "check_1", request: never }));
  };
  /** A query says nothing of the rollout. */
  const never = {
    type: "check-asked" as const,
    timestamp: "2026-11-20T02:14:31.000Z",
    data: { rollout: { id: "11111111-1111-4111-8111-111111111111", number: 1, kind: "promote" as const }, service: "a", environment: "b", partition: "default", wave: { number: 2, name: "25 %", of: 3 }, from: null, to: null, counts: { total: 0, verified: 0, failed: 0, inFlight: 0 }, attempt: 1 },
  };

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const config = join(dir, "prometheus.yml");
    writeFileSync(config, `global: {scrape_interval: 200ms}\nscrape_configs: [{job_name: self, static_configs: [{targets: ["127.0.0.1:${port}"]}]}]\n`);
    child = spawn(program, [`--config.file=${config}`, `--storage.tsdb.path=${join(dir, "data")}`, `--web.listen-address=127.0.0.1:${port}`], { stdio: "ignore" });
    await vi.waitFor(async () => expect((await ask('up{job="self"}', "==", 1)).verdict).toBe("pass"), { timeout: 30_000, interval: 100 });
  }, 60_000);
  afterAll(async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });

  it.each([
    ["a vector", 'up{job="self"}', "pass", /^up\{.*job="self"\} is 1, which is < 2\.$/],
    ["a scalar", "scalar(vector(7))", "fail", /^The value is 7, not < 2\.$/],
    ["a matrix", 'up{job="self"}[1m]', "pass", /^(All \d+ values are < 2\.|up\{.*\} is 1, which is < 2\.)$/],
    ["nothing", 'up{job="nobody"}', "no-answer", /no result/],
    ["nothing, or zero", 'sum(up{job="nobody"}) or vector(0)', "pass", /^The value is 0, which is < 2\.$/],
    ["a division by zero", "vector(0) / vector(0)", "no-answer", /is not a number/],
    ["infinity", "vector(1) / vector(0)", "fail", /is infinite/],
    ["a text", '"text"', "no-answer", /a text/],
    ["a mistake", "sum(", "no-answer", /Prometheus said 400, .*parse error/],
    ["a long query", `up{job=~"self|${"x|".repeat(1_500)}y"}`, "pass", /is 1, which is < 2/],
  ])("%s", async (_, query, verdict, sentence) => {
    expect(await ask(query)).toEqual({ verdict, sentence: expect.stringMatching(sentence) });
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
