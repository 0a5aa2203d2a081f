import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { Client as Api } from "@/cli/client";
import type { PromoteRequest, RollbackRequest, RolloutDto } from "@/lib/contract/rollouts";
import { makeService, openPools, registerService, type Service } from "./lib/fleet";
import { startFleet, type Fleet } from "./lib/simulated-fleet";
import { withStack } from "./lib/stack";
import { percentile, report } from "./report";

const AGENTS = 1_000;
/** Fewer have no 95th percentile but their slowest. */
const RUNS = 20;
const REGIONS = ["eu-west-1", "us-east-1", "ap-southeast-2"];
const GIVE_UP_MS = 120_000;

type Held = { rollout: string; atMs: number };
type Run = { held: number[]; heldLast: number; verifiedLast: number; answered: number };

/**
 * A rollback of 1,000 agents that work in no time: from the request's first byte until the last of them has verified the
 * document that names it (each as on a processor of its own, see SideBySide), and until the server has seen the last of them
 * run the release. The first run, in which everything is done for the first time, is shown and not counted. Another size and
 * number of runs may be given: `rollback 200 3`.
 */
export async function run({ args }: { args: string[] }): Promise<void> {
  const agents = Number(args[0] ?? AGENTS);
  const runs = Number(args[1] ?? RUNS);
  await withStack(async (stack, api) => {
    const service = makeService("payments", 2);
    await registerService(api, service, ["dev"]);
    const token = (await openPools(api, ["dev"])).get("dev") ?? "";
    const held = new Map<string, Held>();
    const [first] = service.images;
    if (!first) throw new RangeError("a service without releases");
    const fleet = await startFleet({
      url: stack.url,
      enrolmentToken: token,
      intervalMs: 15_000,
      images: service.images,
      plans: Array.from({ length: agents }, (_, at) => ({ name: `host-${at}`, region: REGIONS[at % REGIONS.length] ?? "", service: service.name, copies: 2, image: first })),
      onHeld: (agent, state, atMs) => {
        const rollout = state.targets[0]?.rollout;
        if (rollout && held.get(agent.id)?.rollout !== rollout) held.set(agent.id, { rollout, atMs });
      },
      onRefused: (agent, reason, detail) => console.error(`${agent.host.plan.name} refuses: ${reason}: ${detail}`),
    });
    const database = new Client({ connectionString: stack.ownerUrl });
    await database.connect();
    try {
      const measured: Run[] = [];
      for (let turn = 0; turn <= runs; turn += 1) {
        const run = await measure({ api, database, service, fleet, held });
        console.error(`${turn === 0 ? "warm-up" : `run ${turn}`}: answered ${run.answered.toFixed(0)} ms, held p50 ${percentile(run.held, 0.5).toFixed(0)} last ${run.heldLast.toFixed(0)}, verified ${run.verifiedLast.toFixed(0)}`);
        if (turn > 0) measured.push(run);
      }
      const common = { bench: "rollback", unit: "ms", runs };
      report({ ...common, metric: "held_p95_ms", value: percentile(measured.map(({ heldLast }) => heldLast), 0.95), target: "<= 1000" });
      report({ ...common, metric: "verified_p95_ms", value: percentile(measured.map(({ verifiedLast }) => verifiedLast), 0.95), target: "<= 5000" });
      report({ ...common, metric: "held_p50_ms", value: percentile(measured.map(({ heldLast }) => heldLast), 0.5) });
      report({ ...common, metric: "verified_p50_ms", value: percentile(measured.map(({ verifiedLast }) => verifiedLast), 0.5) });
      report({ ...common, metric: "held_by_the_first_agent_p50_ms", value: percentile(measured.map((run) => Math.min(...run.held)), 0.5) });
      report({ ...common, metric: "held_by_half_of_the_agents_p50_ms", value: percentile(measured.map((run) => percentile(run.held, 0.5)), 0.5) });
      report({ ...common, metric: "answered_p50_ms", value: percentile(measured.map(({ answered }) => answered), 0.5) });
    } finally {
      await database.end();
      await fleet.stop();
    }
  });
}

type Measurement = { api: Api; database: Client; service: Service; fleet: Fleet; held: ReadonlyMap<string, Held> };

/** Rolls everyone forwards, unmeasured, and back. */
async function measure({ api, database, service, fleet, held }: Measurement): Promise<Run> {
  const [older, newer] = service.images;
  if (!older || !newer) throw new RangeError("two releases are needed");
  const place = { service: service.name, environment: "dev" };
  const promotion: PromoteRequest = { ...place, version: newer.version, strategy: "all-at-once" };
  await settled(database, (await api.post<RolloutDto>("promotions", promotion)).id);
  // Let what the promotion left behind come to rest: its agents look again for 11 s.
  await sleep(12_000);
  const rollback: RollbackRequest = { ...place, version: older.version, reason: "bench", hold: false };
  const sentWall = Date.now();
  const sent = performance.now();
  const started = await api.post<RolloutDto>("rollbacks", rollback);
  const answered = performance.now() - sent;
  const verifiedAt = await settled(database, started.id);
  const times = fleet.agents.flatMap((agent) => {
    const one = held.get(agent.id);
    return one?.rollout === started.id ? one.atMs - sent : [];
  });
  if (times.length !== fleet.agents.length) throw new Error(`${fleet.agents.length - times.length} agents never held the rollback`);
  return { held: times, heldLast: Math.max(...times), verifiedLast: verifiedAt.getTime() - sentWall, answered };
}

/** When the last target of a rollout was verified, once it has succeeded. @throws Error when it does not */
async function settled(database: Client, id: string): Promise<Date> {
  for (const until = performance.now() + GIVE_UP_MS; performance.now() < until; await sleep(50)) {
    const { rows } = await database.query<{ status: string; why: string | null; verified_at: Date | null }>("SELECT r.status, r.status_reason AS why, (SELECT max(verified_at) FROM rollout_targets WHERE rollout_id = r.id) AS verified_at FROM rollouts r WHERE r.id = $1 AND r.finished_at IS NOT NULL", [id]);
    const [row] = rows;
    if (row && !row.status.startsWith("succeeded")) {
      const { rows: late } = await database.query<{ of: unknown }>("SELECT row_to_json(rt) AS of FROM rollout_targets rt WHERE rollout_id = $1 AND status <> 'verified' AND status <> 'withdrawn' LIMIT 3", [id]);
      throw new Error(`the rollout ${row.status}: ${row.why} ${JSON.stringify(late)}`);
    }
    if (row?.verified_at) return row.verified_at;
  }
  throw new Error(`the rollout did not end within ${GIVE_UP_MS / 1_000} s`);
}
