import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { EnrolRequest, EnrolResponse } from "@/lib/contract/agent";
import { expectAccepted, fullReport, openPools, registerServices, unchangedReport, type Copy, type Host, type Service } from "./lib/fleet";
import { watchHeaps } from "./lib/heap";
import { withStack } from "./lib/stack";
import { openPool, type Pool } from "./lib/wire";
import { percentile, report } from "./report";

const INSTANCES = 20_000;
const MINUTES = 10;
const COPIES = 20;
const INTERVAL_SECONDS = 15;
/** So much of everything that runs is replaced a minute: half of it copy by copy, half with its host. */
const SHARE_A_MINUTE = 0.1;
/** One in so many hosts vanishes and is enrolled again at once, as the same machine; the others say good-bye. */
const VANISHES = 4;
const CONNECTIONS = 8;

type Machine = Host & { machineId: string };
type Figures = { open: Map<string, number>; heapMb: number };

/**
 * A fleet that comes and goes: 20,000 instances on 1,000 hosts that report every 15 s, a tenth of them replaced a minute,
 * for ten minutes. What is open must not grow, nothing may be found that is not so, and the heaps of web and worker stay
 * flat. Another size and another time may be given: `churn 2000 2`. The first quarter only warms up.
 */
export async function run({ args }: { args: string[] }): Promise<void> {
  const instances = Number(args[0] ?? INSTANCES);
  const seconds = Math.round(Number(args[1] ?? MINUTES) * 60);
  const heaps = watchHeaps();
  try {
    await withStack(async (stack, api) => {
      const services = await registerServices(api, { services: 10, versions: 1, environments: ["dev"] });
      const token = (await openPools(api, ["dev"])).get("dev") ?? "";
      await api.patch("pools/bench-dev", { ephemeral: true });
      const pool = openPool(stack.url, CONNECTIONS);
      const fleet = new Fleet(stack.url, token, services, pool);
      const database = new Client({ connectionString: stack.ownerUrl });
      await database.connect();
      const measure = async (): Promise<Figures> => ({ open: await countOpen(database), heapMb: await heaps.measure([stack.pids["web"], stack.pids["worker"]].flatMap((pid) => pid ?? [])) });
      try {
        await fleet.open(Math.ceil(instances / COPIES));
        const warmUp = Math.round(seconds / 4);
        await fleet.churn(warmUp);
        const before = await measure();
        const since = (await database.query<{ now: Date }>("SELECT clock_timestamp() AS now")).rows[0]?.now ?? new Date();
        fleet.waits.length = 0;
        await fleet.churn(seconds - warmUp);
        const after = await measure();
        const found = await database.query<{ kind: string; findings: number }>("SELECT kind, count(*)::int AS findings FROM findings WHERE opened_at >= $1 GROUP BY 1", [since]);
        const waits = [fleet.waits.slice(0, fleet.waits.length / 4), fleet.waits.slice(-fleet.waits.length / 4)].map((some) => percentile(some, 0.95));
        console.error(`found: ${JSON.stringify(found.rows)}; open before ${JSON.stringify([...before.open])}, after ${JSON.stringify([...after.open])}; ${fleet.replaced} copies replaced, ${fleet.left} hosts left, ${fleet.vanished} enrolled again, ${fleet.late} s behind`);
        const common = { bench: "churn", runs: 1 };
        report({ ...common, metric: "false_findings", value: found.rows.reduce((sum, { findings }) => sum + findings, 0), unit: "findings", target: "0" });
        report({ ...common, metric: "open_rows_growth", value: sum(after.open) - sum(before.open), unit: "rows", target: "0" });
        report({ ...common, metric: "heap_growth_mb", value: after.heapMb - before.heapMb, unit: "MB", target: "flat" });
        report({ ...common, metric: "instances_replaced", value: fleet.replaced, unit: "instances" });
        report({ ...common, metric: "report_p95_first_quarter_ms", value: waits[0] ?? Number.NaN, unit: "ms" });
        report({ ...common, metric: "report_p95_last_quarter_ms", value: waits[1] ?? Number.NaN, unit: "ms" });
      } finally {
        pool.close();
        await database.end();
      }
    });
  } finally {
    heaps.close();
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

/** Everything of which there should be as much as there is in the fleet, however long it has been replaced. */
async function countOpen(database: Client): Promise<Map<string, number>> {
  const { rows } = await database.query<{ what: string; rows: number }>(`
    SELECT 'instances' AS what, count(*)::int AS rows FROM instances
    UNION ALL SELECT 'targets', count(*)::int FROM targets WHERE gone_at IS NULL
    UNION ALL SELECT 'counters', count(*)::int FROM combination_counts
    UNION ALL SELECT 'combinations', count(*)::int FROM combinations
    UNION ALL SELECT 'agents', count(*)::int FROM agents WHERE retired_at IS NULL
    UNION ALL SELECT 'findings', count(*)::int FROM findings WHERE resolved_at IS NULL
    UNION ALL SELECT 'images', count(*)::int FROM images
    UNION ALL SELECT 'parts', count(*)::int FROM report_parts`);
  return new Map(rows.map(({ what, rows: count }) => [what, count]));
}

class Fleet {
  /** How long each report took, ms. */
  readonly waits: number[] = [];
  replaced = 0;
  left = 0;
  vanished = 0;
  /** By how many seconds the second that is played is behind the clock. */
  late = 0;
  private readonly hosts: Machine[] = [];
  private births = 0;
  private copyDebt = 0;
  private hostDebt = 0;
  private second = 0;

  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly services: readonly Service[],
    private readonly pool: Pool,
  ) {}

  async open(hosts: number): Promise<void> {
    const places = Array.from({ length: hosts }, (_, at) => at);
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (let at = places.shift(); at !== undefined; at = places.shift()) this.hosts[at] = await this.enrol(randomUUID());
      }),
    );
  }

  /** Plays so many seconds, each as long as one. */
  async churn(seconds: number): Promise<void> {
    const started = performance.now();
    for (let played = 0; played < seconds; played += 1) {
      await this.playSecond();
      const ahead = started + (played + 1) * 1_000 - performance.now();
      if (ahead > 0) await sleep(ahead);
      else this.late = Math.max(this.late, Math.round(-ahead / 1_000));
    }
  }

  private async playSecond(): Promise<void> {
    this.second += 1;
    const due = (this.hosts.length * COPIES * SHARE_A_MINUTE) / 60 / 2;
    this.copyDebt += due;
    this.hostDebt += due / COPIES;
    const places = this.hosts.flatMap((_, at) => (at % INTERVAL_SECONDS === this.second % INTERVAL_SECONDS ? [at] : []));
    await Promise.all(places.map((at) => this.visit(at)));
  }

  private async visit(at: number): Promise<void> {
    const host = this.hosts[at];
    if (!host) return;
    if (this.hostDebt >= 1) {
      this.hostDebt -= 1;
      this.replaced += COPIES;
      this.hosts[at] = await this.replace(host);
      return;
    }
    const some = Math.min(Math.floor(this.copyDebt), COPIES);
    this.copyDebt -= some;
    this.replaced += some;
    for (let n = 0; n < some; n += 1) {
      const old = host.copies.shift();
      if (old) host.copies.push({ ...old, key: randomUUID() });
    }
    await this.post("/api/agent/v1/inventory", host, some > 0 ? fullReport(host) : unchangedReport(host));
  }

  private async replace(host: Machine): Promise<Machine> {
    if ((this.left + this.vanished) % VANISHES === 0) {
      this.vanished += 1;
      return this.enrol(host.machineId, host.name);
    }
    this.left += 1;
    await this.post("/api/agent/v1/leave", host, JSON.stringify({ v: 1, reason: "scaled in" }));
    return this.enrol(randomUUID());
  }

  private async enrol(machineId: string, name = `host-${this.births}`): Promise<Machine> {
    const service = this.services[this.births % this.services.length];
    const image = service?.images[0];
    if (!service || !image) throw new RangeError("a service without releases");
    this.births += 1;
    const body: EnrolRequest = { v: 1, token: this.token, name, machineId, runtime: "simulated", agentVersion: "bench", region: "eu-west-1", intervalMs: INTERVAL_SECONDS * 1_000 };
    const response = await fetch(`${this.url}/api/agent/v1/enroll`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`a host could not enrol: ${await response.text()}`);
    const { token } = (await response.json()) as EnrolResponse;
    const copies = Array.from({ length: COPIES }, (): Copy => ({ key: randomUUID(), target: service.name, image, restarts: 0 }));
    const host: Machine = { name, machineId, region: "eu-west-1", environment: "dev", token, bootId: randomUUID(), seq: 0, targets: new Map([[service.name, service.name]]), copies };
    await this.post("/api/agent/v1/inventory", host, fullReport(host));
    return host;
  }

  private async post(path: string, host: Host, body: string): Promise<void> {
    const from = performance.now();
    const answer = await this.pool.use((connection) => connection.post(path, host.token, body));
    if (path.endsWith("/inventory")) {
      this.waits.push(performance.now() - from);
      expectAccepted(answer);
    } else if (answer.status < 200 || answer.status > 299) throw new Error(`a host could not leave: ${answer.status} ${answer.body}`);
  }
}
