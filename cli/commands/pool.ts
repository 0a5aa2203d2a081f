import type { Command } from "commander";
import type { EnrolmentDto, PoolDto } from "@/lib/contract/access";
import type { PreviewRuleDto } from "@/lib/contract/previews";
import type { Page } from "@/lib/contract/primitives";
import { CliError, createClient, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";

type Common = ClientOptions & { json?: boolean };
type LimitOptions = { maxAgents?: string; minAgents?: string; ttlMinutes?: string; network: string[] };
const gather = (value: string, before: string[]) => [...before, value];

/** `plumbline pool …`: which hosts may report, how many of them and from where. */
export function registerPoolCommands(program: Command): void {
  const pool = program.command("pool").description("Which hosts may report");
  limits(pool.command("create").description("Admit a group of hosts that report for these environments").argument("<name>").requiredOption("--environment <name>", "repeatable", gather, []))
    .option("--ephemeral", "its hosts come and go: one that leaves, or is silent for its time to live, is gone")
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & LimitOptions & { environment: string[]; ephemeral?: boolean }>();
      const body = { name, environments: options.environment, ...(options.ephemeral ? { ephemeral: true } : {}), ...readLimits(options, (text) => readNumber(text)) };
      const result = await createClient(options).post<PoolDto>("pools", body);
      print(options.json, result, [`Pool ${result.name} is open. Enrol a host: plumbline pool enrol ${result.name}`]);
    });
  pool
    .command("list")
    .description("Pools, with how many of their hosts report")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const list = await createClient(options).get<Page<PoolDto>>("pools");
      const lines = list.items.map((item) => [item.name, item.environments.join(","), agentsOf(item), item.ephemeral ? `ephemeral, ${item.ttlMinutes ?? 10} min` : "stay", item.networks.join(",") || "anywhere", item.closed ? "closed" : "open"]);
      print(options.json, list, list.items.length === 0 ? ["There is no pool yet: plumbline pool create NAME --environment ENVIRONMENT"] : table([["NAME", "ENVIRONMENTS", "AGENTS", "HOSTS", "FROM", "STATE"], ...lines]));
    });
  limits(pool.command("set").description("Change the limits of a pool; what is not named stays, `none` takes a limit away").argument("<name>"))
    .option("--ephemeral <yes|no>", "whether its hosts come and go")
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & LimitOptions & { ephemeral?: string }>();
      const body = { ...(options.ephemeral === undefined ? {} : { ephemeral: options.ephemeral === "yes" }), ...readLimits(options, (text) => (text === "none" ? null : readNumber(text))) };
      if (Object.keys(body).length === 0) throw new CliError("Say what to change: --max-agents, --min-agents, --ttl-minutes, --network or --ephemeral.");
      const result = await createClient(options).patch<PoolDto>(`pools/${encodeURIComponent(name)}`, body);
      print(options.json, result, [`${result.name}: ${agentsOf(result)} agents, ${result.ephemeral ? `ephemeral, gone after ${result.ttlMinutes ?? 10} min of silence` : "hosts that stay"}, from ${result.networks.join(", ") || "anywhere"}`]);
    });
  pool
    .command("close")
    .description("Admit nobody any more, for good; the hosts that are in go on")
    .argument("<name>")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { reason: string }>();
      const result = await createClient(options).post<PoolDto>(`pools/${encodeURIComponent(name)}/close`, { reason: options.reason });
      print(options.json, result, [`Pool ${result.name} is closed; ${result.agents} agents go on reporting`]);
    });
  pool
    .command("enrol")
    .description("Make an enrolment token and the line to run on the host")
    .argument("<name>")
    .option("--uses <n>", "how many hosts may use it; 0 for any number", "1")
    .option("--expires-in-hours <n>", "how long it is valid", "24")
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { uses: string; expiresInHours: string }>();
      const result = await createClient(options).post<EnrolmentDto>("enrolments", { pool: name, expiresInHours: Number(options.expiresInHours), maxUses: options.uses === "0" ? null : Number(options.uses) });
      print(options.json, result, [`On the host, before ${result.expiresAt}:`, `  ${result.command}`]);
    });
}

/** `plumbline preview …`: environments that are there as long as something reports for them. */
export function registerPreviewCommands(program: Command): void {
  const preview = program.command("preview").description("Environments that are made by a rule, and end by themselves");
  preview
    .command("allow")
    .description("Make preview environments of names such as pr-* that the hosts of these pools report")
    .argument("<pattern>", "a name with a *, such as pr-*")
    .requiredOption("--template <environment>", "the environment whose policies they have")
    .option("--pool <name>", "repeatable", gather, [])
    .option("--ttl-minutes <n>", "how long nothing may report for one before it ends", "1440")
    .option("--max <n>", "no more than so many at the same time", "200")
    .action(async (pattern: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { template: string; pool: string[]; ttlMinutes: string; max: string }>();
      const result = await createClient(options).put<PreviewRuleDto>("preview-rules", { pattern, template: options.template, pools: options.pool, ttlMinutes: readNumber(options.ttlMinutes), maxEnvironments: readNumber(options.max) });
      print(options.json, result, [`${result.pattern}: like ${result.template}, at most ${result.maxEnvironments}, for hosts of ${result.pools.join(", ") || "no pool yet"}`]);
    });
  preview
    .command("list")
    .description("The rules, with how many previews there are and what they refused")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const list = await createClient(options).get<Page<PreviewRuleDto>>("preview-rules");
      const lines = list.items.map((item) => [item.pattern, item.template, `${item.environments} of ${item.maxEnvironments}`, `${item.ttlMinutes} min`, item.pools.join(",") || "none", item.lastRefused ? `${item.refused}, last ${item.lastRefused.name}` : "none"]);
      print(options.json, list, list.items.length === 0 ? ["No preview is made: plumbline preview allow 'pr-*' --template ENVIRONMENT --pool POOL"] : table([["PATTERN", "TEMPLATE", "THERE", "ENDS AFTER", "POOLS", "REFUSED"], ...lines]));
    });
  preview
    .command("forbid")
    .description("Make none by this rule any more; those that are there end by themselves")
    .argument("<pattern>")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .action(async (pattern: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { reason: string }>();
      const result = await createClient(options).post<PreviewRuleDto>("preview-rules/remove", { pattern, reason: options.reason });
      print(options.json, result, [`${result.pattern} makes no preview any more; ${result.environments} end by themselves`]);
    });
}

function limits(command: Command): Command {
  return command
    .option("--max-agents <n>", "at most this many at the same time")
    .option("--min-agents <n>", "fewer than this many is a finding")
    .option("--ttl-minutes <n>", "how long an ephemeral host may be silent before it is gone")
    .option("--network <cidr>", "where its hosts connect from, such as 10.0.0.0/8; repeatable", gather, []);
}

function readLimits({ maxAgents, minAgents, ttlMinutes, network }: LimitOptions, read: (text: string) => number | null): Record<string, number | string[] | null> {
  return {
    ...(maxAgents === undefined ? {} : { maxAgents: read(maxAgents) }),
    ...(minAgents === undefined ? {} : { minAgents: read(minAgents) }),
    ...(ttlMinutes === undefined ? {} : { ttlMinutes: read(ttlMinutes) }),
    ...(network.length === 0 ? {} : { networks: network.filter((one) => one !== "none") }),
  };
}

function readNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new CliError(`${JSON.stringify(text)} is no number from 1 on.`);
  return number;
}

function agentsOf({ agents, silentAgents, minAgents, maxAgents }: PoolDto): string {
  const range = minAgents === null && maxAgents === null ? "" : ` of ${minAgents ?? 0}-${maxAgents ?? "any"}`;
  return `${agents}${range}${silentAgents === 0 ? "" : `, ${silentAgents} silent`}`;
}
