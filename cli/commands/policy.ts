import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { FreezeDto } from "@/lib/contract/freezes";
import type { HoldDto, RecallLiftDto, StandingRecall, WaiverDto } from "@/lib/contract/policies";
import type { Page } from "@/lib/contract/primitives";
import type { StrategyDto } from "@/lib/contract/strategies";
import { addClientOptions, CliError, createClient, reasonOf, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";

type Common = ClientOptions & { json?: boolean; reason: string };
const DAY_MS = 86_400_000;

/** `plumbline freeze|hold|waive|recall|strategy`: what may not be promoted, what is excused, and how environments roll out. */
export function registerPolicyCommands(program: Command): void {
  registerFreezes(program);
  registerHolds(program);
  registerWaivers(program);
  registerRecalls(program);
  registerStrategies(program);
}

function registerFreezes(program: Command): void {
  const freeze = program.command("freeze").description("Times without promotions; a rollback is always allowed");
  freeze
    .command("place")
    .description("Freeze promotions in an environment, once or by a window that comes back")
    .argument("<environment>")
    .requiredOption("--name <name>", "what people call it")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--service <service>", "this service only")
    .option("--from <time>", "from when on, such as 2026-12-24T12:00:00Z (default: now)")
    .option("--until <time>", "until when; needed unless it comes back")
    .option("--days <days>", "comes back on these days, such as mon,tue,wed")
    .option("--between <times>", "between these times of day, such as 18:00-08:00; the same twice is 24 hours", "00:00-00:00")
    .option("--zone <zone>", "by the clock of this zone", "UTC")
    .action(async (environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { name: string; service?: string; from?: string; until?: string; days?: string; between: string; zone: string }>();
      const [from = "", to = ""] = options.between.split("-");
      const schedule = options.days === undefined ? undefined : { days: options.days.split(",").map((day) => day.trim().toLowerCase()), from, to, timeZone: options.zone };
      const placed = await createClient(options).post<FreezeDto>("freezes", { environment, name: options.name, reason: options.reason, service: options.service, startsAt: options.from, endsAt: options.until, schedule });
      print(options.json, placed, [`Promotions ${whereOf(placed)} are ${stateOf(placed)}, ledger entry ${placed.entry}`, `  lift it: plumbline freeze lift ${placed.id} --reason …`]);
    });
  freeze
    .command("lift")
    .description("End a freeze for good")
    .argument("<id>", "as freeze list names it")
    .requiredOption("--reason <text>", "why")
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const result = await createClient(options).post<{ entry: number }>("freezes/lift", { freeze: id, reason: options.reason });
      print(options.json, result, [`The freeze is lifted, ledger entry ${result.entry}`]);
    });
  freeze
    .command("list")
    .description("Freezes that stand, with where each stands now")
    .argument("[environment]")
    .option("--all", "those that are over or lifted too")
    .action(async (environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { all?: boolean }>();
      const list = await createClient(options).get<Page<FreezeDto>>("freezes", { environment, state: options.all ? "all" : "standing" });
      print(options.json, list, list.items.length === 0 ? ["Nothing is frozen."] : table([["NAME", "ENVIRONMENT", "SERVICE", "NOW", "BY", "ID"], ...list.items.map((item) => [item.name, item.environment, item.service ?? "all", stateOf(item), item.by, item.id])]));
    });
}

function whereOf({ service, environment }: Pick<FreezeDto, "service" | "environment">): string {
  return service === null ? `in ${environment}` : `of ${service} in ${environment}`;
}

function stateOf({ state, until, next }: FreezeDto): string {
  if (state === "frozen") return until === null ? "frozen until lifted" : `frozen until ${until}`;
  return state === "coming" ? `free, frozen from ${next}` : state;
}

function registerHolds(program: Command): void {
  program
    .command("hold")
    .description("Hold promotions of a service until somebody lifts it (plumbline unhold)")
    .argument("<service>")
    .argument("<environment>")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--partition <name>", "a partition of the environment", "default")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { partition: string }>();
      const hold = await createClient(options).post<HoldDto>("holds", { service, environment, partition: options.partition, reason: options.reason });
      print(options.json, hold, [`Promotions of ${service} to ${environment} are held, ledger entry ${hold.entry}`]);
    });
  program
    .command("holds")
    .description("The holds that stand")
    .argument("[service]")
    .argument("[environment]")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const list = await createClient(options).get<Page<HoldDto>>("holds", { service, environment });
      print(options.json, list, list.items.length === 0 ? ["Nothing is held."] : table([["SERVICE", "ENVIRONMENT", "PARTITION", "LEFT", "SINCE", "BY", "REASON"], ...list.items.map((item) => [item.service, item.environment, item.partition, item.version ?? "", item.since, item.by, item.reason ?? ""])]));
    });
}

function registerWaivers(program: Command): void {
  program
    .command("waive")
    .description("Excuse one category of drift at a place until a time, at most 90 days")
    .argument("<service>")
    .argument("<environment>")
    .argument("<category>", "such as behind, mutated or unapproved")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--days <n>", "for so many days", "7")
    .option("--until <time>", "until then instead, such as 2026-12-24T12:00:00Z")
    .option("--partition <name>", "a partition of the environment", "default")
    .action(async (service: string, environment: string, category: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { days: string; until?: string; partition: string }>();
      const days = Number(options.days);
      if (options.until === undefined && !(days > 0)) throw new CliError(`--days wants a number, not "${options.days}".`);
      const expiresAt = options.until ?? new Date(Date.now() + days * DAY_MS).toISOString();
      const waiver = await createClient(options).post<WaiverDto>("waivers", { service, environment, partition: options.partition, category, reason: options.reason, expiresAt });
      print(options.json, waiver, [`${category} of ${service} in ${environment} is waived until ${waiver.expiresAt}, ledger entry ${waiver.entry}; it covers ${waiver.findings} open findings`]);
    });
  const waiver = program.command("waiver").description("Drift that is excused");
  waiver
    .command("list")
    .description("Waivers in force")
    .argument("[service]")
    .argument("[environment]")
    .option("--all", "those that expired or ended too")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { all?: boolean }>();
      const list = await createClient(options).get<Page<WaiverDto>>("waivers", { service, environment, state: options.all ? "all" : "in-force" });
      print(options.json, list, list.items.length === 0 ? ["Nothing is waived."] : table([["SERVICE", "ENVIRONMENT", "CATEGORY", "STATE", "UNTIL", "FINDINGS", "BY", "ID"], ...list.items.map((item) => [item.service, item.environment, item.category, item.state, item.expiresAt, `${item.findings}`, item.by, item.id])]));
    });
  waiver
    .command("end")
    .description("End a waiver before its time")
    .argument("<id>", "as waiver list names it")
    .requiredOption("--reason <text>", "why")
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const result = await createClient(options).post<{ entry: number }>("waivers/end", { waiver: id, reason: options.reason });
      print(options.json, result, [`The waiver has ended, ledger entry ${result.entry}`]);
    });
}

function registerRecalls(program: Command): void {
  const recall = program
    .command("recall")
    .description("A release that may not be assigned anywhere: recall it, or lift a recall")
    .argument("[service]")
    .argument("[version]")
    .option("--reason <text>", "why; goes beside the ledger entry")
    .action(async (service: string | undefined, version: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Partial<Common>>();
      if (service === undefined || version === undefined) throw new CliError("Name a service and a version: plumbline recall SERVICE VERSION --reason …");
      if (options.reason === undefined) throw new CliError("Say why: --reason …");
      const result = await createClient(options).post<{ entry: number; instances: number }>("recalls", { service, version, reason: options.reason });
      print(options.json, result, [`${service} ${version} recalled, ledger entry ${result.entry}; ${result.instances} instances run it now`]);
    });
  // Its own options: only those of leaves are added for all.
  addClientOptions(recall);
  recall
    .command("lift")
    .description("Agree to lift a recall; the second person who does lifts it")
    .argument("<service>")
    .argument("<version>")
    .action(async (service: string, version: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Partial<Common>>();
      if (options.reason === undefined) throw new CliError("Say why: --reason …");
      const result = await createClient(options).post<RecallLiftDto>("recalls/lift", { service, version, reason: options.reason });
      const agreed = result.agreed.map(({ by }) => by).join(" and ");
      print(options.json, result, [result.lifted ? `The recall of ${service} ${version} is lifted by ${agreed}, ledger entry ${result.entry}` : `Agreed by ${agreed}, ledger entry ${result.entry}. ${service} ${version} stays recalled until another person agrees`]);
    });
  recall
    .command("list")
    .description("Recalled releases, and where each still runs")
    .option("--all", "those that were lifted too")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Partial<Common> & { all?: boolean }>();
      const list = await createClient(options).get<Page<StandingRecall>>("recalls", { state: options.all ? "all" : "standing" });
      const runs = (item: StandingRecall): string => (item.liftedAt ? `lifted ${item.liftedAt}` : item.running.map(({ environment, instances }) => `${instances} in ${environment}`).join(", ") || "nowhere");
      print(options.json, list, list.items.length === 0 ? ["Nothing is recalled."] : table([["SERVICE", "VERSION", "RUNS", "AGREED TO LIFT", "BY", "REASON"], ...list.items.map((item) => [item.service, item.version, runs(item), item.agreed.map(({ by }) => by).join(", "), item.by, item.reason ?? ""])]));
    });
}

function registerStrategies(program: Command): void {
  const strategy = program.command("strategy").description("How environments roll out");
  strategy
    .command("show")
    .description("How each environment rolls out, or one with its versions")
    .argument("[environment]")
    .action(async (environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const list = await createClient(options).get<Page<StrategyDto>>("strategies", { environment });
      print(options.json, list, list.items.flatMap((item) => describe(item, environment !== undefined)));
    });
  strategy
    .command("set")
    .description("Decide how an environment rolls out, from a file as strategy show --json prints it")
    .argument("<environment>")
    .requiredOption("--file <file>", "JSON with promote, rollback and lastKnownGood (left out, that stays); - for standard input")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--version <n>", "refuse when another version than this stands (default: the one that stands now)")
    .action(async (environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { file: string; version?: string }>();
      const client = createClient(options);
      const version = options.version === undefined ? ((await client.get<Page<StrategyDto>>("strategies", { environment })).items[0]?.version ?? 0) : Number(options.version);
      const saved = await client.put<StrategyDto>("strategies", { environment, strategy: readStrategy(options.file), version, reason: options.reason });
      print(options.json, saved, describe(saved, false));
    });
}

function describe(item: StrategyDto, whole: boolean): string[] {
  const from = item.template === null ? (item.version === 0 ? "the default" : `version ${item.version}`) : `as ${item.template}`;
  return [
    `${item.environment} (${from})`,
    `  promotes   ${item.promote.sentence}`,
    ...(whole ? item.promote.details.map((line) => `             ${line}`) : []),
    `  rolls back ${item.rollback.sentence}`,
    ...(whole ? item.rollback.details.map((line) => `             ${line}`) : []),
    `  known good ${item.lastKnownGood}`,
    ...(whole ? item.history.map((was) => `  version ${was.version}  ${was.at}  ${was.by}: ${was.reason ?? ""}`) : []),
  ];
}

/** A strategy from a file: the object itself, or the whole answer of `strategy show ENV --json`. */
function readStrategy(file: string): unknown {
  try {
    const read: unknown = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
    if (read !== null && typeof read === "object" && "items" in read && Array.isArray(read.items)) {
      const [first]: unknown[] = read.items;
      return first !== null && typeof first === "object" && "strategy" in first ? first.strategy : read;
    }
    return read;
  } catch (error) {
    throw new CliError(`Cannot read a strategy from ${file}: ${reasonOf(error)}`);
  }
}
