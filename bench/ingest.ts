import { Pool } from "pg";
import { expectAccepted, fullReport, openHosts, openPools, postReport, registerServices, type Copy, type Host, type Service } from "./lib/fleet";
import { withStack } from "./lib/stack";
import { openConnection } from "./lib/wire";
import { percentile, report } from "./report";

const HOSTS = 8;
const WRITERS = 4;
const TARGETS = 10;
const COPIES = 1_000;
const CHANGED = 100;
/** One in so many changed copies runs another release than before; the others restarted. */
const REPLACED = 10;
const RUNS = 5;
const RUN_MS = 4_000;

/**
 * Instances reconciled a second through POST inventory, 1,000 in each report of which 10 % changed, against plain SQL on the
 * same database: the same 1,000 rows upserted in one statement, all of them (the limit), or only those that differ.
 */
export async function run(): Promise<void> {
  await withStack(async (stack, api) => {
    const services = await registerServices(api, { services: 5, versions: 2, environments: ["dev"] });
    const pools = await openPools(api, ["dev"]);
    const hosts = await openHosts(api, Array.from({ length: HOSTS }, (_, at) => planHost(at, services)), pools);
    const plain = new Pool({ connectionString: stack.ownerUrl, max: WRITERS });
    try {
      await plain.query("CREATE TABLE plain_instances (LIKE instances INCLUDING ALL)");
      const ids = await readIds(plain, hosts);
      const ours = await Promise.all(Array.from({ length: WRITERS }, () => openConnection(stack.url)));
      const figures = { ours: [] as number[], all: [] as number[], differing: [] as number[] };
      for (let turn = 0; turn <= RUNS; turn += 1) {
        const all = await perSecond(hosts, (host) => upsert(plain, host, ids, { whole: true }), services);
        const differing = await perSecond(hosts, (host) => upsert(plain, host, ids, { whole: false }), services);
        const own = await perSecond(hosts, async (host, writer) => {
          const connection = ours[writer];
          if (connection) expectAccepted(await postReport(connection, host, fullReport(host)));
        }, services);
        // The first turn only warms up.
        if (turn === 0) continue;
        figures.ours.push(own);
        figures.all.push(all);
        figures.differing.push(differing);
      }
      for (const connection of ours) connection.close();
      const value = percentile(figures.ours, 0.5);
      const common = { bench: "ingest", value, unit: "instances/s", runs: RUNS };
      const all = percentile(figures.all, 0.5);
      const differing = percentile(figures.differing, 0.5);
      report({ ...common, metric: "instances_per_second", limit: all, ratio: value / all, target: "ratio >= 0.5" });
      report({ ...common, metric: "instances_per_second_against_differing_rows", limit: differing, ratio: value / differing });
    } finally {
      await plain.end();
    }
  });
}

function planHost(at: number, services: readonly Service[]) {
  const targets = new Map(Array.from({ length: TARGETS }, (_, target) => [`target-${target}`, services[target % services.length]?.name ?? ""]));
  const copies = Array.from({ length: COPIES }, (_, copy): Copy => {
    const image = services[copy % services.length]?.images[0];
    if (!image) throw new RangeError("a service without releases");
    return { key: `copy-${copy}`, target: `target-${copy % TARGETS}`, image, restarts: 0 };
  });
  return { name: `host-${at}`, region: "eu-west-1", environment: "dev", targets, copies };
}

/** The writers share the hosts out; each takes the next one that is free, changes it and tells of it. */
async function perSecond(hosts: readonly Host[], tell: (host: Host, writer: number) => Promise<void>, services: readonly Service[]): Promise<number> {
  const free = [...hosts];
  const started = performance.now();
  let told = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      while (performance.now() - started < RUN_MS) {
        const host = free.shift();
        if (!host) throw new Error("more writers than hosts");
        wear(host, services);
        await tell(host, writer);
        free.push(host);
        told += COPIES;
      }
    }),
  );
  return told / ((performance.now() - started) / 1_000);
}

let round = 0;

/** A tenth of the copies restarts, some of them on the service's other release. */
function wear(host: Host, services: readonly Service[]): void {
  round += 1;
  for (let at = 0; at < CHANGED; at += 1) {
    const place = (round * CHANGED + at) % COPIES;
    const copy = host.copies[place];
    if (!copy) continue;
    copy.restarts += 1;
    const images = services[place % services.length]?.images ?? [];
    if (at % REPLACED === 0) copy.image = images.find((image) => image !== copy.image) ?? copy.image;
  }
}

type Ids = { scopes: Map<string, string>; targets: Map<string, string>; images: Map<string, string>; combination: string };

async function readIds(plain: Pool, hosts: readonly Host[]): Promise<Ids> {
  const scopes = await plain.query<{ name: string; id: string }>("SELECT a.name, s.id FROM agent_scopes s JOIN agents a ON a.id = s.agent_id");
  const targets = await plain.query<{ key: string; id: string }>("SELECT a.name || ' ' || t.key AS key, t.id FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id");
  const images = await plain.query<{ reference: string; id: string; combination: string }>("SELECT i.reference, i.id, c.id AS combination FROM images i JOIN combinations c ON c.image_id = i.id");
  const byReference = new Map(images.rows.map(({ reference, id }) => [reference, id]));
  const [first] = images.rows;
  if (!first || scopes.rows.length !== hosts.length) throw new Error("the fleet is not there");
  return { scopes: new Map(scopes.rows.map(({ name, id }) => [name, id])), targets: new Map(targets.rows.map(({ key, id }) => [key, id])), images: byReference, combination: first.combination };
}

const DIFFERS = `WHERE (i.target_id, i.image_id, i.state, i.health, i.started_at, i.restarts, i.region) IS DISTINCT FROM
  (excluded.target_id, excluded.image_id, excluded.state, excluded.health, excluded.started_at, excluded.restarts, excluded.region)`;

/** One statement, committed by itself; `whole` writes every row, otherwise only those that differ. */
async function upsert(plain: Pool, host: Host, ids: Ids, { whole }: { whole: boolean }): Promise<void> {
  const { copies } = host;
  const anyImage = [...ids.images.values()][0];
  const since = new Date();
  await plain.query(
    `INSERT INTO plain_instances AS i (agent_scope_id, target_id, key, component, combination_id, image_id, state, health, started_at, restarts, region, first_seen_at, facts_since)
     SELECT $1, n.target_id, n.key, 'main', $2, n.image_id, 'running', 'healthy', n.started_at, n.restarts, $3, $4, $4
     FROM unnest($5::bigint[], $6::text[], $7::bigint[], $8::timestamptz[], $9::int[]) n(target_id, key, image_id, started_at, restarts)
     ON CONFLICT (agent_scope_id, key) DO UPDATE SET target_id = excluded.target_id, image_id = excluded.image_id, state = excluded.state, health = excluded.health,
       started_at = excluded.started_at, restarts = excluded.restarts, region = excluded.region, facts_since = excluded.facts_since ${whole ? "" : DIFFERS}`,
    [
      ids.scopes.get(host.name), ids.combination, host.region, since,
      copies.map(({ target }) => ids.targets.get(`${host.name} ${target}`)), copies.map(({ key }) => key),
      copies.map(({ image }) => ids.images.get(`${image.repository}:${image.version}`) ?? anyImage), copies.map(({ restarts }) => new Date(Date.UTC(2026, 0, 1) + restarts * 1_000)), copies.map(({ restarts }) => restarts),
    ],
  );
}
