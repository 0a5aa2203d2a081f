import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { PartitionsDto, PartitionsPreview, PinDto, PinRequest, PutPartitionsRequest } from "@/lib/contract/partitions";
import type { Page } from "@/lib/contract/primitives";
import { formatSelector } from "@/lib/domain/fleet/selector";
import { CliError, createClient, EXIT, reasonOf, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";

type Common = ClientOptions & { json?: boolean; reason: string };
const DAY_MS = 86_400_000;

/** `plumbline partition|pin|unpin|pins`: how the targets of a service are divided, and which part keeps what it has. */
export function registerPartitionCommands(program: Command): void {
  registerPartitions(program);
  registerPins(program);
}

function registerPartitions(program: Command): void {
  const partition = program.command("partition").description("Regions, tenants, cells or canaries of a service in an environment, each with a release of its own");
  partition
    .command("list")
    .description("The partitions in order, with what is assigned to each")
    .argument("<service>")
    .argument("<environment>")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const found = await createClient(options).get<PartitionsDto>("partitions", { service, environment });
      print(options.json, found, renderPartitions(found));
    });
  for (const [name, description] of [
    ["preview", "What declaring these partitions would do; exit 3 when it may not be done"],
    ["set", "Declare the partitions, in order: the first that matches a target takes it, default takes the rest"],
  ] as const) {
    const leaf = partition
      .command(name)
      .description(description)
      .argument("<service>")
      .argument("<environment>")
      .argument("[partitions...]", "NAME=LABEL:GLOB, more labels after commas, such as eu=region:eu-* gold=tenant:acme,tier:gold; NAME alone for what mapping rules put there; none leaves default alone")
      .option("--file <file>", "JSON instead, as partition list --json prints it; - for standard input");
    if (name === "set") leaf.option("--reason <text>", "why; goes beside the ledger entry").option("--revision <token>", "refuse when others are declared by now than preview or list showed");
    leaf.action(async (service: string, environment: string, written: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Partial<Common> & { file?: string; revision?: string }>();
      if (options.file !== undefined && written.length > 0) throw new CliError("Name the partitions or a --file, not both.");
      const body = { service, environment, partitions: options.file === undefined ? written.map(readPartition) : readFile(options.file) };
      const client = createClient(options);
      if (name === "set") {
        const request: PutPartitionsRequest = { ...body, ...(options.reason !== undefined && { reason: options.reason }), ...(options.revision !== undefined && { revision: options.revision }) };
        const saved = await client.put<PartitionsDto>("partitions", request);
        return print(options.json, saved, renderPartitions(saved));
      }
      const preview = await client.post<PartitionsPreview>("partitions/preview", body);
      print(options.json, preview, renderPreview(preview));
      if (!preview.allowed) process.exitCode = EXIT.refused;
    });
  }
}

/** `eu=region:eu-*,tier:gold`, or a name alone, as a partition. @throws CliError */
function readPartition(text: string): PutPartitionsRequest["partitions"][number] {
  const [, name = "", labels = ""] = /^([^=]+)(?:=(.+))?$/.exec(text) ?? [];
  const pairs = (labels === "" ? [] : labels.split(",")).map((pair) => /^([^:]+):(.+)$/.exec(pair.trim()));
  if (name === "" || pairs.some((pair) => pair === null)) throw new CliError(`A partition is written NAME=LABEL:GLOB, such as eu=region:eu-*, or NAME for what mapping rules put there, not "${text}".`);
  return { name: name.trim(), selector: Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1] ?? "", pair[2] ?? ""]] : []))) };
}

/** A list from a file: the list itself, or the whole answer of `partition list --json`, without `default`. */
function readFile(file: string): PutPartitionsRequest["partitions"] {
  try {
    const read: unknown = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
    const list: unknown = read !== null && typeof read === "object" && "partitions" in read ? read.partitions : read;
    if (!Array.isArray(list)) throw new Error("it holds no list of partitions");
    return list.flatMap((one: { name?: string; selector?: Record<string, string> }) => (one.name === "default" && Object.keys(one.selector ?? {}).length === 0 ? [] : [{ name: one.name ?? "", selector: one.selector ?? {} }]));
  } catch (error) {
    throw new CliError(`Cannot read partitions from ${file}: ${reasonOf(error)}`);
  }
}

function renderPartitions({ partitions, revision }: PartitionsDto): string[] {
  const rows = partitions.map((one) => [one.name, describeSelector(one), `${one.targets}`, `${one.instances}`, one.assigned?.version ?? "nothing", notesOf(one)]);
  return [...table([["PARTITION", "SELECTOR", "TARGETS", "INSTANCES", "ASSIGNED", ""], ...rows]), `Revision ${revision}`];
}

function describeSelector({ name, selector }: Pick<PartitionsDto["partitions"][number], "name" | "selector">): string {
  if (name === "default") return "the rest";
  return formatSelector(selector) || "by mapping rules";
}

function notesOf({ pin, held, rollout }: PartitionsDto["partitions"][number]): string {
  return [...(pin ? [`pinned${pin.expiresAt ? ` until ${pin.expiresAt}` : ""} by ${pin.by}: ${pin.reason ?? "the reason was redacted"}`] : []), ...(held ? ["held"] : []), ...(rollout ? [`R-${rollout.number} is under way`] : [])].join("; ");
}

function renderPreview(preview: PartitionsPreview): string[] {
  const rows = preview.partitions.map((one) => [
    one.name, describeSelector(one), `${one.targets}`, one.assigned ?? "nothing",
    [...(one.isNew ? ["new"] : []), ...(one.inherits ? [`takes over what ${one.inherits} has`] : []), ...one.from.map(({ partition, targets }) => `${targets} from ${partition}`)].join("; "),
  ]);
  return [
    preview.allowed ? `${preview.moved} target${preview.moved === 1 ? "" : "s"} would change partition. Nothing that runs changes.` : "It may not be done:",
    ...preview.reasons.map(({ sentence }) => `  ${sentence}`),
    ...table([["PARTITION", "SELECTOR", "TARGETS", "ASSIGNED", ""], ...rows]),
    ...preview.removed.map(({ name, targets, into }) => `${name} is removed${targets > 0 ? `; its ${targets} targets go to ${into.map(({ partition }) => partition).join(", ")}` : ""}.`),
    ...preview.notes,
    `Revision ${preview.revision}`,
  ];
}

function registerPins(program: Command): void {
  program
    .command("pin")
    .description("Pin a partition to what is assigned there: promotions leave it out, and rollbacks unless they name it")
    .argument("<service>")
    .argument("<environment>")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--partition <name>", "a partition of the environment", "default")
    .option("--days <n>", "for so many days (default: until somebody unpins it)")
    .option("--until <time>", "until then, such as 2026-12-24T12:00:00Z")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { partition: string; days?: string; until?: string }>();
      if (options.days !== undefined && !(Number(options.days) > 0)) throw new CliError(`--days wants a number, not "${options.days}".`);
      const expiresAt = options.until ?? (options.days === undefined ? undefined : new Date(Date.now() + Number(options.days) * DAY_MS).toISOString());
      const request: PinRequest = { service, environment, partition: options.partition, reason: options.reason, ...(expiresAt !== undefined && { expiresAt }) };
      const pin = await createClient(options).post<PinDto>("pins", request);
      print(options.json, pin, [`${service} in ${environment} (${pin.partition}) is pinned to ${pin.assigned?.version ?? "nothing"}${pin.expiresAt ? ` until ${pin.expiresAt}` : ""}, ledger entry ${pin.entry}`]);
    });
  program
    .command("unpin")
    .description("End the pin on a partition")
    .argument("<service>")
    .argument("<environment>")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--partition <name>", "a partition of the environment", "default")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { partition: string }>();
      const client = createClient(options);
      const pin = (await client.get<Page<PinDto>>("pins", { service, environment })).items.find((one) => one.partition === options.partition);
      if (!pin) throw new CliError(`${options.partition} of ${service} in ${environment} is not pinned. What is: plumbline pins ${service} ${environment}`, EXIT.refused);
      const result = await client.post<{ entry: number }>("pins/end", { pin: pin.id, reason: options.reason });
      print(options.json, result, [`${service} in ${environment} (${pin.partition}) is pinned no more, ledger entry ${result.entry}`]);
    });
  program
    .command("pins")
    .description("What is pinned, to what, why and until when")
    .argument("[service]")
    .argument("[environment]")
    .option("--all", "those that expired or ended too")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { all?: boolean }>();
      const list = await createClient(options).get<Page<PinDto>>("pins", { service, environment, state: options.all ? "all" : "in-force" });
      print(options.json, list, list.items.length === 0 ? ["Nothing is pinned."] : table([["SERVICE", "ENVIRONMENT", "PARTITION", "TO", "UNTIL", "STATE", "BY", "REASON"], ...list.items.map((item) => [item.service, item.environment, item.partition, item.assigned?.version ?? "nothing", item.expiresAt ?? "unpinned", item.state, item.by, item.reason ?? ""])]));
    });
}
