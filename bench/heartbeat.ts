import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Client } from "pg";
import { countWrites, writesBetween } from "./lib/count-writes";
import { expectAccepted, fullReport, openHosts, openPools, postReport, registerServices, unchangedReport, type Host, type Service } from "./lib/fleet";
import { withStack } from "./lib/stack";
import { openConnection, type Connection } from "./lib/wire";
import { percentile, report } from "./report";

const HOSTS = 64;
const COPIES = 10;
const RUNS = 5;
const RUN_MS = 4_000;

/** What a handler that only reads and parses the same body can do, in a process of its own. */
const BARE = `
import { createServer } from "node:http";
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { seq } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const answer = JSON.stringify({ accepted: true, duplicate: false, seq, desiredVersion: 0, accepts: { min: 1, max: 1 } });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) }).end(answer);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(String(server.address().port)));
`;

/** Where a report of nothing new must leave no trace. */
const HISTORY = new Set(["spans", "events", "findings", "changes", "instances", "combination_counts", "targets", "ledger_entries", "report_parts", "agent_boots"]);

/**
 * Unchanged reports a second from hosts with 10 instances, once as agents send them (empty) and once listing all of them,
 * against a handler that only parses the same JSON.
 */
export async function run(): Promise<void> {
  await withStack(async (stack, api) => {
    const services = await registerServices(api, { services: 5, versions: 1, environments: ["dev"] });
    const hosts = await openHosts(api, Array.from({ length: HOSTS }, (_, at) => planHost(at, services)), await openPools(api, ["dev"]));
    const bare = await startBare();
    const database = new Client({ connectionString: stack.ownerUrl });
    await database.connect();
    const connect = (url: string): Promise<Connection[]> => Promise.all(hosts.map(() => openConnection(url)));
    const [own, parsing] = [await connect(stack.url), await connect(bare.url)];
    try {
      const before = await countWrites(database);
      for (const [name, make] of [["unchanged_reports_per_second", unchangedReport], ["unchanged_full_reports_per_second", fullReport]] as const) {
        const values: number[] = [];
        const limits: number[] = [];
        for (let turn = 0; turn <= RUNS; turn += 1) {
          const limit = await perSecond(hosts, parsing, (host) => make({ ...host }));
          const value = await perSecond(hosts, own, make);
          // The first turn only warms up.
          if (turn === 0) continue;
          limits.push(limit);
          values.push(value);
        }
        const [value, limit] = [percentile(values, 0.5), percentile(limits, 0.5)];
        report({ bench: "heartbeat", metric: name, value, unit: "reports/s", limit, ratio: value / limit, ...(make === unchangedReport && { target: "ratio >= 0.5" }), runs: RUNS });
      }
      const written = [...writesBetween(before, await countWrites(database))].filter(([table]) => HISTORY.has(table) || table.startsWith("spans")).reduce((sum, [, rows]) => sum + rows, 0);
      report({ bench: "heartbeat", metric: "history_rows_written", value: written, unit: "rows", target: "0", runs: 1 });
      if (written !== 0) throw new Error(`unchanged reports wrote ${written} rows of history`);
    } finally {
      for (const connection of [...own, ...parsing]) connection.close();
      await database.end();
      bare.process.kill();
    }
  });
}

function planHost(at: number, services: readonly Service[]) {
  const own = services[at % services.length];
  const image = own?.images[0];
  if (!own || !image) throw new RangeError("a service without releases");
  return { name: `host-${at}`, region: "eu-west-1", environment: "dev", targets: new Map([["target", own.name]]), copies: Array.from({ length: COPIES }, (_, copy) => ({ key: `copy-${copy}`, target: "target", image, restarts: 0 })) };
}

/** Every host reports as fast as it is answered, on its own connection. */
async function perSecond(hosts: readonly Host[], connections: readonly Connection[], make: (host: Host) => string): Promise<number> {
  const started = performance.now();
  let done = 0;
  await Promise.all(
    hosts.map(async (host, at) => {
      const connection = connections[at];
      if (!connection) throw new Error("a host without a connection");
      while (performance.now() - started < RUN_MS) {
        expectAccepted(await postReport(connection, host, make(host)));
        done += 1;
      }
    }),
  );
  return done / ((performance.now() - started) / 1_000);
}

async function startBare(): Promise<{ url: string; process: ChildProcess }> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", BARE], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return { url: `http://127.0.0.1:${port.toString()}`, process: child };
}
