import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { Client as Api } from "@/cli/client";
import type { CheckpointDto } from "@/lib/contract/ledger";
import type { Problem } from "@/lib/contract/problem";
import type { PromoteRequest, RollbackRequest, RolloutDto } from "@/lib/contract/rollouts";
import { createLogVerifier } from "@/lib/domain/ledger/verify-log";
import { makeService, openPools, registerService, type Service } from "./lib/fleet";
import { startFleet } from "./lib/simulated-fleet";
import { withStack } from "./lib/stack";
import { percentile, report } from "./report";

const ROLLBACKS = 1_000;
const SERVICES = 4;
const HOSTS = 20;
const PARALLEL = 64;
/** Every so many requests are sent twice, under one key, to both replicas at once. */
const TWICE_EVERY = 10;
const SETTLE_MS = 60_000;
/** How often a request that was told when to come again does. */
const MOST_COMEBACKS = 20;

type Answer = { place: string; status: number; ms: number; rollout: string | null; problem: Partial<Problem> | null; key: string; comebacks: number };

/**
 * 1,000 rollbacks race for a few places over two web processes on one database while the fleet obeys: each gets a defined
 * answer, each that was accepted is there and none else, never are two active at one place, and the ledger verifies
 * afterwards. Throws when one of that does not hold. Another number may be given: `races 200`.
 */
export async function run({ args }: { args: string[] }): Promise<void> {
  const rollbacks = Number(args[0] ?? ROLLBACKS);
  await withStack(async (stack, api) => {
    const second = await stack.addWeb();
    const services = Array.from({ length: SERVICES }, (_, at) => makeService(`racer-${at}`, 3));
    for (const service of services) await registerService(api, service, ["dev"]);
    const database = new Client({ connectionString: stack.ownerUrl });
    const watcher = new Client({ connectionString: stack.ownerUrl });
    await Promise.all([database.connect(), watcher.connect()]);
    const fleet = await startFleet({
      url: stack.url,
      enrolmentToken: (await openPools(api, ["dev"])).get("dev") ?? "",
      intervalMs: 15_000,
      images: services.flatMap(({ images }) => images),
      plans: Array.from({ length: HOSTS }, (_, at) => planHost(at, services)),
    });
    const watching = new AbortController();
    try {
      for (const service of services) for (const { version } of service.images.slice(1)) await promote(api, database, service.name, version);
      const { rows: before } = await database.query<{ id: string }>("SELECT id FROM rollouts");
      const seen = watchOverlaps(watcher, watching.signal);
      const started = performance.now();
      const answers = await race([stack.url, second.url], stack.setup?.token ?? "", services, rollbacks);
      const seconds = (performance.now() - started) / 1_000;
      await settled(database);
      watching.abort();
      const snapshots = await seen;

      const undefinedAnswers = answers.filter(({ status, rollout, problem }) => !(status === 202 && rollout) && !(status >= 400 && status < 500 && problem?.type?.startsWith("/problems/")));
      const accepted = new Set(answers.flatMap(({ rollout }) => rollout ?? []));
      const earlier = new Set(before.map(({ id }) => id));
      const { rows: after } = await database.query<{ id: string }>("SELECT id FROM rollouts WHERE reverts_id IS NULL");
      const made = new Set(after.map(({ id }) => id).filter((id) => !earlier.has(id)));
      const lost = [...accepted].filter((id) => !made.has(id)).length + [...made].filter((id) => !accepted.has(id)).length;
      const byKey = groupBy(answers, ({ key }) => key);
      const actedTwice = [...byKey.values()].filter((same) => new Set(same.flatMap(({ rollout }) => rollout ?? [])).size > 1).length;
      const overlaps = await countOverlaps(database);
      const verdict = await verifyLedger(api, database);

      const kinds = groupBy(answers, ({ status, problem }) => (status === 202 ? "accepted" : `${status} ${problem?.type ?? "?"}${problem?.reasons?.length ? ` ${problem.reasons.map(({ reason }) => reason).join("+")}` : ""}`));
      console.error([...kinds].map(([kind, list]) => `${list.length} ${kind}`).join(", "));
      for (const { status, problem } of undefinedAnswers.slice(0, 5)) console.error(`undefined: ${status} ${JSON.stringify(problem)}`);
      const figure = (metric: string, value: number, unit: string, target?: string): void => report({ bench: "races", metric, value, unit, ...(target === undefined ? {} : { target }), runs: answers.length });
      figure("undefined_answers", undefinedAnswers.length, "answers", "0");
      figure("lost_or_unasked_for", lost, "rollouts", "0");
      figure("keys_that_acted_twice", actedTwice, "keys", "0");
      figure("overlapping", overlaps + snapshots.overlapping, "pairs", "0");
      figure("ledger_verifies", verdict ? 1 : 0, "bool", "1");
      figure("accepted", accepted.size, "rollouts");
      figure("told_to_come_again", answers.reduce((sum, { comebacks }) => sum + comebacks, 0), "answers");
      figure("snapshots_of_active_rollouts", snapshots.taken, "snapshots");
      figure("answers_per_second", answers.length / seconds, "1/s");
      figure("answer_p95_ms", percentile(answers.map(({ ms }) => ms), 0.95), "ms");
      if (undefinedAnswers.length > 0 || lost > 0 || actedTwice > 0 || overlaps + snapshots.overlapping > 0 || !verdict) throw new Error("a race was lost");
    } finally {
      watching.abort();
      await fleet.stop();
      await Promise.all([database.end(), watcher.end()]);
    }
  });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function planHost(at: number, services: readonly Service[]) {
  const service = services[at % services.length];
  const image = service?.images[0];
  if (!service || !image) throw new RangeError("a service without releases");
  return { name: `host-${at}`, region: "eu-west-1", service: service.name, copies: 1, image };
}

async function promote(api: Api, database: Client, service: string, version: string): Promise<void> {
  const body: PromoteRequest = { service, environment: "dev", version, strategy: "all-at-once" };
  await api.post<RolloutDto>("promotions", body);
  await settled(database);
}

/** Everyone at once, shared out over both replicas. */
async function race(urls: readonly [string, string], token: string, services: readonly Service[], count: number): Promise<Answer[]> {
  const asks = Array.from({ length: count }, (_, at) => {
    const service = services[at % services.length];
    const version = service?.images[Math.floor(at / services.length) % 3]?.version;
    if (!service || version === undefined) throw new RangeError("a service without releases");
    const body: RollbackRequest = { service: service.name, environment: "dev", version, reason: `race ${at}`, hold: at % 3 === 0 };
    return { body, key: randomUUID(), twice: at % TWICE_EVERY === 0, first: at % 2 };
  });
  const answers: Answer[] = [];
  const ask = async (url: string, body: RollbackRequest, key: string): Promise<void> => {
    const sent = performance.now();
    for (let comebacks = 0; ; comebacks += 1) {
      const response = await fetch(`${url}/api/v1/rollbacks`, { method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": key }, body: JSON.stringify(body) }).catch((error: unknown) => String(error));
      const common = { place: body.service, ms: performance.now() - sent, key, comebacks };
      if (typeof response === "string") return void answers.push({ ...common, status: 0, rollout: null, problem: { detail: response } });
      const json = (await response.json()) as Partial<RolloutDto> & Partial<Problem>;
      const retryAfter = response.headers.get("retry-after");
      // Told when to come again, a client does, under the same key.
      if (!response.ok && retryAfter !== null && comebacks < MOST_COMEBACKS) {
        await sleep(Number(retryAfter) * 1_000);
        continue;
      }
      return void answers.push({ ...common, status: response.status, rollout: response.ok ? (json.id ?? null) : null, problem: response.ok ? null : json });
    }
  };
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let one = asks.shift(); one !== undefined; one = asks.shift()) {
        const { body, key, twice, first } = one;
        const [url, other] = first === 0 ? urls : [urls[1], urls[0]];
        await Promise.all([ask(url, body, key), ...(twice ? [ask(other, body, key)] : [])]);
      }
    }),
  );
  return answers;
}

/** Looks as often as it can whether two are active at one place; each look is one snapshot. */
async function watchOverlaps(watcher: Client, signal: AbortSignal): Promise<{ taken: number; overlapping: number }> {
  const seen = { taken: 0, overlapping: 0 };
  while (!signal.aborted) {
    const { rows } = await watcher.query("SELECT 1 FROM rollouts WHERE status IN ('planned', 'running', 'paused') GROUP BY service_id, environment_id, partition HAVING count(*) > 1");
    seen.taken += 1;
    seen.overlapping += rows.length;
    await sleep(5);
  }
  return seen;
}

/** Pairs at one place that were active at the same time, by their own times: who is superseded ends in the transaction that begins the other. Fails without the index that forbids it. */
async function countOverlaps(database: Client): Promise<number> {
  const { rows: index } = await database.query("SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'rollouts_one_active' AND i.indisunique AND i.indisvalid");
  if (index.length !== 1) throw new Error("the index that allows one active rollout per place is not there");
  const { rows } = await database.query<{ pairs: string }>(`
    SELECT count(*) AS pairs FROM rollouts a JOIN rollouts b ON b.service_id = a.service_id AND b.environment_id = a.environment_id AND b.partition = a.partition AND b.number > a.number
    WHERE b.supersedes_id IS DISTINCT FROM a.id AND (a.finished_at IS NULL OR a.finished_at > b.created_at)`);
  return Number(rows[0]?.pairs ?? 0);
}

async function settled(database: Client): Promise<void> {
  for (const until = performance.now() + SETTLE_MS; performance.now() < until; await sleep(50)) {
    const { rows } = await database.query("SELECT 1 FROM rollouts WHERE status IN ('planned', 'running', 'paused') LIMIT 1");
    if (rows.length === 0) return;
  }
  throw new Error(`rollouts were still under way after ${SETTLE_MS / 1_000} s`);
}

/** Verifies the export as an auditor does: every entry, and a signature over all that there are. */
async function verifyLedger(api: Api, database: Client): Promise<boolean> {
  const size = async (): Promise<number> => Number((await database.query<{ size: string }>("SELECT size FROM ledger_head")).rows[0]?.size);
  let checkpoint = await api.get<CheckpointDto>("ledger/checkpoint");
  for (const until = performance.now() + SETTLE_MS; checkpoint.size < (await size()) && performance.now() < until; checkpoint = await api.get<CheckpointDto>("ledger/checkpoint")) await sleep(50);
  const verifier = createLogVerifier({ vkey: checkpoint.vkey });
  const { body } = await api.open("ledger/export");
  if (!body) throw new Error("the export is empty");
  for await (const line of createInterface({ input: Readable.fromWeb(body as import("node:stream/web").ReadableStream) })) if (line !== "") verifier.line(JSON.parse(line));
  const verdict = verifier.finish();
  if (!verdict.ok) console.error(`the ledger does not verify: ${verdict.problem}`);
  return verdict.ok && verdict.size === (await size());
}
