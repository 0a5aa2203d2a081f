import { Client } from "pg";
import type { Client as Api } from "@/cli/client";
import type { MatrixDto } from "@/lib/contract/fleet";
import { countWrites, writesBetween } from "./lib/count-writes";
import { makeService, openHosts, openPools, registerService, type Copy, type HostPlan, type Service } from "./lib/fleet";
import { withStack } from "./lib/stack";
import { report } from "./report";

const HOSTS = 100;
/** What goes on whether or not anybody decides anything, and the tree, whose nodes depend on where in it an entry falls. */
const BACKGROUND = new Set(["heartbeats", "api_tokens", "ledger_nodes"]);

type Recalled = { rows: number; tables: string; toMatrixMs: number };

/**
 * Recalls a release that 1,000 and one that 100,000 instances run, on the same 100 hosts: rows written, and the time from
 * the request until the matrix says so. Another size may be given: `recall 10000`.
 */
export async function run({ args }: { args: string[] }): Promise<void> {
  const large = Number(args[0] ?? 100_000);
  const small = 1_000;
  await withStack(async (stack, api) => {
    const few = makeService("few", 1);
    const many = makeService("many", 1);
    for (const service of [few, many]) await registerService(api, service, ["dev"]);
    await openHosts(api, Array.from({ length: HOSTS }, (_, at) => planHost(at, [[few, small / HOSTS], [many, large / HOSTS]])), await openPools(api, ["dev"]));
    const database = new Client({ connectionString: stack.ownerUrl });
    await database.connect();
    try {
      const first = await recall(api, database, few, small);
      const second = await recall(api, database, many, large);
      for (const [size, { rows, tables, toMatrixMs }] of [[small, first], [large, second]] as const) {
        console.error(`${size} instances: ${tables}`);
        report({ bench: "recall", metric: `rows_written_at_${size}`, value: rows, unit: "rows", runs: 1 });
        report({ bench: "recall", metric: `until_the_matrix_says_so_ms_at_${size}`, value: toMatrixMs, unit: "ms", ...(size === large && { target: "<= 1000" }), runs: 1 });
      }
      report({ bench: "recall", metric: "rows_growth", value: second.rows - first.rows, unit: "rows", target: "<= 0: rows do not grow with instances", runs: 1 });
    } finally {
      await database.end();
    }
  });
}

async function recall(api: Api, database: Client, service: Service, instances: number): Promise<Recalled> {
  const before = await countWrites(database);
  const started = performance.now();
  await api.post("recalls", { service: service.name, version: service.images[0]?.version, reason: "Leaks" });
  while (recalledIn(await api.get<MatrixDto>("fleet/matrix"), service.name) < instances) {
    if (performance.now() - started > 60_000) throw new Error("the matrix never says so");
  }
  const toMatrixMs = performance.now() - started;
  const written = [...writesBetween(before, await countWrites(database))].filter(([table]) => !BACKGROUND.has(table));
  return { rows: written.reduce((sum, [, rows]) => sum + rows, 0), tables: written.map(([table, rows]) => `${table} ${rows}`).join(", "), toMatrixMs };
}

function recalledIn({ rows }: MatrixDto, service: string): number {
  const categories = rows.find((row) => row.service === service)?.cells.flatMap((cell) => cell.categories) ?? [];
  return categories.filter(({ category }) => category === "recalled").reduce((sum, { instances }) => sum + instances, 0);
}

function planHost(at: number, shares: readonly (readonly [Service, number])[]): HostPlan {
  const copies = shares.flatMap(([service, count]) => {
    const image = service.images[0];
    if (!image) throw new RangeError("a service without releases");
    return Array.from({ length: count }, (_, copy): Copy => ({ key: `${service.name}-${copy}`, target: service.name, image, restarts: 0 }));
  });
  return { name: `host-${at}`, region: "eu-west-1", environment: "dev", targets: new Map(shares.map(([service]) => [service.name, service.name])), copies };
}
