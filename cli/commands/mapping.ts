import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { MappingDto, MappingPreview } from "@/lib/contract/mapping";
import { describeChange, describeRule } from "@/lib/domain/fleet/describe-mapping";
import { CliError, createClient, reasonOf, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";

type Common = ClientOptions & { json?: boolean };
/** How many changes a preview prints; --json has as many as the server sends. */
const SHOWN = 40;

/** `plumbline mapping`: the rules by which containers are mapped to services. */
export function registerMappingCommands(program: Command): void {
  const mapping = program.command("mapping").description("Whose a container is: rules from facts to service, environment, partition and component");
  mapping
    .command("show")
    .description("The rules in force, what they ignore, and the versions before; with --json as mapping apply reads it")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const dto = await createClient(options).get<MappingDto>("mapping");
      print(options.json, dto, describe(dto));
    });
  mapping
    .command("preview")
    .description("What rules would do to the fleet as it is now; nothing is changed. Exits with 1 when they would be refused")
    .argument("<file>", "JSON with rules and aliases; - for standard input")
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const preview = await createClient(options).post<MappingPreview>("mapping/preview", { set: readSet(file) });
      print(options.json, preview, describePreview(preview));
      if (preview.refused.length > 0) process.exitCode = 1;
    });
  mapping
    .command("apply")
    .description("Put these rules in force and move the fleet there; the same rules again change nothing")
    .argument("<file>", "JSON with rules and aliases; - for standard input")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--version <n>", "refuse when another version than this stands (default: the one that stands now)")
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { reason: string; version?: string }>();
      const set = readSet(file);
      const client = createClient(options);
      const stands = (await client.get<MappingDto>("mapping")).version;
      const version = options.version === undefined ? stands : Number(options.version);
      if (!Number.isInteger(version)) throw new CliError(`--version wants a number, not "${options.version}".`);
      const saved = await client.put<MappingDto>("mapping", { set, version, reason: options.reason });
      print(options.json, saved, [saved.version === stands ? `These rules stand already, as version ${saved.version}.` : `Version ${saved.version} is in force, ledger entry ${saved.history[0]?.entry ?? ""}.`, ...describeIgnored(saved)]);
    });
}

function describe(dto: MappingDto): string[] {
  const aliases = Object.entries(dto.set.aliases);
  return [
    dto.version === 0 ? "No rules: containers are mapped by what labels and images say." : `Version ${dto.version}, by ${dto.history[0]?.by ?? "somebody"} at ${dto.history[0]?.at ?? ""}: ${dto.history[0]?.reason ?? "the reason was redacted"}`,
    ...(dto.set.rules.length === 0 ? [] : table([["", "RULE", "WHERE", "THEN"], ...dto.set.rules.map((rule, at) => {
      const { where, effect } = describeRule(rule);
      return [String(at + 1), rule.name, where, effect];
    })])),
    ...aliases.map(([alias, service]) => `${alias} means ${service}`),
    ...describeIgnored(dto),
    ...dto.warnings.map(({ path, message }) => `warning: ${path} ${message}`),
  ];
}

function describeIgnored({ ignored, unmapped }: MappingDto): string[] {
  return [...ignored.map(({ rule, instances, reason }) => `${instances} instances are ignored by ${rule}: ${reason}`), ...(unmapped > 0 ? [`${unmapped} instances belong to no known service`] : [])];
}

function describePreview(preview: MappingPreview): string[] {
  const { moved, ignored, unmapped, changes, changesInAll } = preview;
  return [
    ...preview.problems.map(({ severity, path, message }) => `${severity}: ${path} ${message}`),
    `${moved.instances} of ${preview.instances} instances in ${moved.targets} of ${preview.targets} targets would move; ignored ${ignored.before} → ${ignored.after}, of no known service ${unmapped.before} → ${unmapped.after}`,
    ...(changes.length === 0 ? [] : table([["INSTANCES", "FROM", "TO", "BY", "SUCH AS"], ...changes.slice(0, SHOWN).map((change) => {
      const { from, to } = describeChange(change);
      return [String(change.instances), from, to, change.rule ?? "what labels and images say", change.sample];
    })])),
    ...(changesInAll > Math.min(SHOWN, changes.length) ? [`and ${changesInAll - Math.min(SHOWN, changes.length)} more changes`] : []),
    ...preview.rules.flatMap(({ name, matches, decides, overlaps }) => {
      if (matches === 0) return [`${name} matches nothing that runs now`];
      return overlaps.length > 0 ? [`${name} matches ${matches} instances and decides ${decides}; earlier rules decide the others: ${overlaps.join(", ")}`] : [];
    }),
    ...preview.refused.map((line) => `refused: ${line}`),
  ];
}

/** Rules from a file: the set itself, or the whole answer of `mapping show --json`. */
function readSet(file: string): unknown {
  try {
    const read: unknown = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
    return read !== null && typeof read === "object" && "set" in read ? read.set : read;
  } catch (error) {
    throw new CliError(`Cannot read rules from ${file}: ${reasonOf(error)}`);
  }
}
