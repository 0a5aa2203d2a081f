import { Client } from "pg";
import { countWrites, writesBetween } from "./lib/count-writes";
import { expectAccepted, fullReport, openHosts, openPools, postReport, registerServices, unchangedReport, type Host, type Service } from "./lib/fleet";
import { startParsingServer } from "./lib/parsing-server";
import { withStack } from "./lib/stack";
import { openConnection } from "./lib/wire";
import { percentile, report } from "./report";

// For the other process, which loads this module.
export { serveParsing } from "./lib/parsing-server";

const HOSTS = 64;
const COPIES = 10;
const RUNS = 3;
const RUN_MS = 3_000;

/** Where a report of nothing new must leave no trace. */
const HISTORY = new Set(["spans", "events", "findings", "changes", "instances", "combination_counts", "targets", "ledger_entries", "report_parts", "agent_boots"]);

/**
 * Unchanged reports a second from hosts with 10 instances, once as agents send them (empty) and once listing all of them,
 * against a handler that only parses the same JSON behind the same listener, and against one straight on node:http.
 */
export async function run(): Promise<void> {
  await withStack(async (stack, api) => {
    const services = await registerServices(api, { services: 5, versions: 1, environments: ["dev"] });
    const hosts = await openHosts(api, Array.from({ length: HOSTS }, (_, at) => planHost(at, services)), await openPools(api, ["dev"]));
    const [listener, bare] = await Promise.all([startParsingServer(import.meta.url, "listener"), startParsingServer(import.meta.url, "bare")]);
    const database = new Client({ connectionString: stack.ownerUrl });
    await database.connect();
    try {
      const before = await countWrites(database);
      for (const [name, make] of [["unchanged_reports_per_second", unchangedReport], ["unchanged_full_reports_per_second", fullReport]] as const) {
        const rates = { own: [] as number[], listener: [] as number[], bare: [] as number[] };
        // The first turn only warms up.
        for (let turn = 0; turn <= RUNS; turn += 1) {
          // Copies of the hosts: their sequence must not run on where the server does not hear it.
          const turnRates = { bare: await perSecond(hosts, bare.url, (host) => make({ ...host })), listener: await perSecond(hosts, listener.url, (host) => make({ ...host })), own: await perSecond(hosts, stack.url, make) };
          if (turn > 0) for (const kind of ["own", "listener", "bare"] as const) rates[kind].push(turnRates[kind]);
        }
        const [value, limit, ceiling] = [percentile(rates.own, 0.5), percentile(rates.listener, 0.5), percentile(rates.bare, 0.5)];
        const common = { bench: "heartbeat", value, unit: "reports/s", runs: RUNS };
        report({ ...common, metric: name, limit, ratio: value / limit, ...(make === unchangedReport && { target: "ratio >= 0.5" }) });
        report({ ...common, metric: `${name}_against_bare_node_http`, limit: ceiling, ratio: value / ceiling });
      }
      const written = [...writesBetween(before, await countWrites(database))].filter(([table]) => HISTORY.has(table) || table.startsWith("spans")).reduce((sum, [, rows]) => sum + rows, 0);
      report({ bench: "heartbeat", metric: "history_rows_written", value: written, unit: "rows", target: "0", runs: 1 });
      if (written !== 0) throw new Error(`unchanged reports wrote ${written} rows of history`);
    } finally {
      await database.end();
      for (const server of [listener, bare]) server.stop();
    }
  });
}

function planHost(at: number, services: readonly Service[]) {
  const own = services[at % services.length];
  const image = own?.images[0];
  if (!own || !image) throw new RangeError("a service without releases");
  return { name: `host-${at}`, region: "eu-west-1", environment: "dev", targets: new Map([["target", own.name]]), copies: Array.from({ length: COPIES }, (_, copy) => ({ key: `copy-${copy}`, target: "target", image, restarts: 0 })) };
}

/** Every host reports as fast as it is answered, on a connection of its own. */
async function perSecond(hosts: readonly Host[], url: string, make: (host: Host) => string): Promise<number> {
  const connections = await Promise.all(hosts.map(async (host) => ({ host, connection: await openConnection(url) })));
  const started = performance.now();
  let done = 0;
  await Promise.all(
    connections.map(async ({ host, connection }) => {
      while (performance.now() - started < RUN_MS) {
        expectAccepted(await postReport(connection, host, make(host)));
        done += 1;
      }
      connection.close();
    }),
  );
  return done / ((performance.now() - started) / 1_000);
}
