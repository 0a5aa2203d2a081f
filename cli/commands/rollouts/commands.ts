import type { Command } from "commander";
import type { GroupPreview, GroupRequest, PromoteRequest, ReplaceRequest, RollbackRequest, StopRequest } from "@/lib/contract/rollouts";
import type { PartitionsDto } from "@/lib/contract/partitions";
import { CliError, createClient, EXIT, type Client } from "@/cli/client";
import { print } from "@/cli/output";
import { addStartOptions, explainExits, gather, type StartFlags } from "./options";
import { createPatientClient } from "./patient-client";
import { readStrategy } from "./read-strategy";
import { renderGroupPreview } from "./render-preview";
import { given, requireConfirmation, requireReason, showPreview, startGroup, startRollout } from "./start";
import { registerRolloutGroup } from "./steer-commands";

/** Where it may act on several partitions. */
type WideFlags = Omit<StartFlags, "partition"> & { partition: string[] };
type RollbackFlags = WideFlags & { to?: string; hold: boolean; waves?: boolean; at?: string; environment?: string; service: string[]; recalled?: string };

/** `plumbline promote|rollback|reconverge|replace|stop|unhold` and `plumbline rollout …`: the same verbs as the buttons. */
export function registerRolloutCommands(program: Command): void {
  const start = (name: string, description: string, reason: "required" | "optional"): Command => addStartOptions(program.command(name).description(description), { reason, partitions: name === "promote" || name === "rollback" });

  start("promote", "Assign an approved release to an environment and roll it out in waves", "optional")
    .argument("<service>")
    .argument("<environment>")
    .argument("<version>")
    .option("--strategy <how>", "environment (its own waves), all-at-once, or a JSON file with a strategy for this one time", "environment")
    .option("--override-freeze", "start in spite of a freeze; needs --reason and the right to")
    .option("--preview", "print the plan and whether it may start (exit 3 when not), and start nothing")
    .action(async (service: string, environment: string, version: string, _options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<WideFlags & { strategy: string; overrideFreeze?: boolean }>();
      const strategy = readStrategy(flags.strategy);
      const client = flags.wait ? createPatientClient(flags) : createClient(flags);
      const partition = await findSole(client, service, environment, flags.partition);
      if (partition === null) {
        if (flags.overrideFreeze) throw new CliError("A freeze is overridden in one partition at a time: --partition NAME.");
        return startInPartitions(client, { kind: "promote", service, environment, version }, flags, { strategy });
      }
      if (flags.preview) {
        if (typeof strategy !== "string") throw new CliError("A preview knows the environment's own strategy and all-at-once, not one from a file.");
        return showPreview(client, { kind: "promote", service, environment, partition: partition.name, version, strategy }, flags.json);
      }
      if (flags.overrideFreeze) requireReason(flags);
      const body: PromoteRequest = { service, environment, ...partition.body, version, strategy, ...given({ reason: flags.reason, incident: flags.incident, revision: flags.revision, overrideFreeze: flags.overrideFreeze }) };
      await startRollout(client, "promotions", body, flags);
    });

  start("rollback", "Return an environment to its last known good release, or to --to; or many services to how they were --at a time", "required")
    .argument("[service]")
    .argument("[environment]")
    .option("--to <version>", "this release instead of the last known good")
    .option("--waves", "in the environment's waves instead of everyone at once")
    .option("--no-hold", "do not hold promotions here afterwards")
    .option("--confirm <name>", "the service's name: back in spite of a migration that cannot be undone. With --at, the environment's name")
    .option("--preview", "print the plan and whether it may start (exit 3 when not), and start nothing")
    .option("--at <time>", "put --environment back to what was assigned then (RFC 3339)")
    .option("--environment <name>", "with --at")
    .option("--service <name>", "with --at: only this service; repeatable", gather, [])
    .option("--recalled <version>", "away from this release of the service, wherever it is assigned or runs; --confirm SERVICE")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<RollbackFlags>();
      const client = flags.wait ? createPatientClient(flags) : createClient(flags);
      if (flags.at !== undefined || flags.recalled !== undefined) return rollBackGroup(client, service, environment, flags);
      if (!service || !environment) throw new CliError("Name a service and an environment, or a time and an environment: plumbline rollback --at TIME --environment NAME.");
      const partition = await findSole(client, service, environment, flags.partition);
      if (partition === null) {
        if (flags.confirm !== undefined) throw new CliError("Back behind a migration goes one partition at a time: --partition NAME.");
        return startInPartitions(client, { kind: "rollback", service, environment, ...given({ version: flags.to }) }, flags, given({ strategy: flags.waves ? ("waves" as const) : undefined }));
      }
      if (flags.preview) return showPreview(client, { kind: "rollback", service, environment, partition: partition.name, version: flags.to }, flags.json);
      const reason = requireReason(flags);
      if (flags.confirm !== undefined) requireConfirmation(flags.confirm, service, "This goes back behind a migration that cannot be undone.");
      const body: RollbackRequest = { service, environment, ...partition.body, reason, hold: flags.hold, ...given({ version: flags.to, incident: flags.incident, revision: flags.revision, strategy: flags.waves ? ("waves" as const) : undefined, acceptForwardFix: flags.confirm }) };
      try {
        await startRollout(client, "rollbacks", body, flags);
      } catch (error) {
        if (!(error instanceof CliError) || !error.problem?.reasons?.some((one) => one.reason === "needs-forward-fix")) throw error;
        throw new CliError(`${error.message}\nThe plan and what would work: plumbline rollback ${service} ${environment} --preview. Back all the same: --confirm ${service}`, error.exitCode, error.problem);
      }
    });

  for (const [name, description] of [
    ["reconverge", "Put drifted targets back on the release that is assigned"],
    ["replace", "Replace what runs by new copies of the release that is assigned"],
  ] as const) {
    start(name, description, "required")
      .argument("<service>")
      .argument("<environment>")
      .option("--target <id>", "only this target, by its id in findings and instances; repeatable", gather, [])
      .option("--preview", "print the plan and whether it may start (exit 3 when not), and start nothing")
      .action(async (service: string, environment: string, _options: unknown, command: Command) => {
        const flags = command.optsWithGlobals<StartFlags & { target: string[] }>();
        const client = flags.wait ? createPatientClient(flags) : createClient(flags);
        const targets = flags.target.length > 0 ? flags.target : undefined;
        if (flags.preview) return showPreview(client, { kind: name, service, environment, partition: flags.partition, targets: targets?.join(",") }, flags.json);
        const common = { service, environment, partition: flags.partition, reason: requireReason(flags), ...given({ targets, incident: flags.incident }) };
        // What deviates now is put back whatever a preview said; it knows no revision.
        if (name === "reconverge" && flags.revision !== undefined) throw new CliError("A reconverge takes no --revision: it puts back what deviates when it starts.");
        const body: ReplaceRequest = { ...common, ...given({ revision: flags.revision }) };
        await startRollout(client, name === "replace" ? "replacements" : "reconverge", body, flags);
      });
  }

  start("stop", "Let nothing of a service run in an environment, until a release is promoted again", "required")
    .argument("<service>")
    .argument("<environment>")
    .option("--confirm <service>", "the service's name, typed")
    .option("--preview", "print the plan and whether it may start (exit 3 when not), and start nothing")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<StartFlags>();
      const client = flags.wait ? createPatientClient(flags) : createClient(flags);
      if (flags.preview) return showPreview(client, { kind: "stop", service, environment, partition: flags.partition }, flags.json);
      const reason = requireReason(flags);
      const confirm = requireConfirmation(flags.confirm, service, `This stops every copy of ${service} in ${environment}.`);
      const body: StopRequest = { service, environment, partition: flags.partition, reason, confirm, ...given({ incident: flags.incident, revision: flags.revision }) };
      await startRollout(client, "stops", body, flags);
    });

  explainExits(program.command("unhold").description("Lift the hold that a rollback placed"))
    .argument("<service>")
    .argument("<environment>")
    .requiredOption("--reason <text>", "why")
    .option("--partition <name>", "a partition of the environment", "default")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<StartFlags>();
      const result = await createClient(options).post<{ entry: number }>("holds/lift", { service, environment, partition: options.partition, reason: options.reason });
      print(options.json, result, [`Promotions of ${service} to ${environment} are open again, ledger entry ${result.entry}`]);
    });

  registerRolloutGroup(program);
}

type Sole = { name: string; body: { partition?: string } };

/**
 * The one partition that a command is about; null for several. Nobody who named none has named `default`: where that is all
 * there is, the request leaves it out, so that a pin on it is respected.
 */
async function findSole(client: Client, service: string, environment: string, named: readonly string[]): Promise<Sole | null> {
  const [first, ...others] = named;
  if (first !== undefined) return others.length === 0 ? { name: first, body: { partition: first } } : null;
  const found = await client.get<PartitionsDto>("partitions", { service, environment });
  return found.partitions.length > 1 ? null : { name: "default", body: {} };
}

/** One service in several of its partitions, by one decision: those that were named, or all that are not pinned. */
async function startInPartitions(client: Client, asked: { kind: "rollback"; service: string; environment: string; version?: string } | { kind: "promote"; service: string; environment: string; version: string }, flags: WideFlags & { hold?: boolean; preview?: boolean }, how: { strategy?: unknown }): Promise<void> {
  const preview = await client.get<GroupPreview>("rollout-groups/preview", asked);
  const named = new Set(flags.partition);
  const missing = flags.partition.find((name) => !preview.members.some((member) => member.partition === name));
  if (missing !== undefined) throw new CliError(`There is no partition ${missing} of ${asked.service} in ${asked.environment}, or nothing is there: plumbline partition list ${asked.service} ${asked.environment}`, EXIT.refused);
  if (flags.preview) {
    print(flags.json, preview, renderGroupPreview(preview));
    if (preview.members.every((member) => !member.allowed)) process.exitCode = EXIT.refused;
    return;
  }
  const reason = asked.kind === "rollback" ? requireReason(flags) : flags.reason;
  const chosen = preview.members.filter((member) => member.allowed && (named.size === 0 ? member.suggested : named.has(member.partition)));
  const refused = preview.members.filter((member) => !member.allowed && (named.size === 0 || named.has(member.partition)));
  for (const member of preview.members) {
    if (!chosen.includes(member)) process.stderr.write(`Left out: ${member.partition}: ${[...member.reasons, ...(member.allowed ? member.warnings : [])].map((one) => one.sentence).join(" ") || "not named."}\n`);
  }
  if (chosen.length === 0) throw new CliError(`None of the partitions may be started. What stands in the way: plumbline ${asked.kind === "rollback" ? "rollback" : "promote"} … --preview`, EXIT.refused);
  const places = chosen.map(({ service, environment, partition }) => ({ service, environment, partition }));
  // The service was named on this very line: that is what is to be typed.
  await startGroup(client, { ...asked, ...how, places, hold: flags.hold ?? false, confirm: preview.typed, revision: flags.revision ?? preview.revision, ...given({ reason, incident: flags.incident }) }, flags);
  if (refused.some((member) => member.reasons.every((one) => one.reason !== "pinned")) && !process.exitCode) process.exitCode = EXIT.failed;
}

/** Several services by one decision: how an environment was at a time, or away from a release that was recalled. */
async function rollBackGroup(client: Client, service: string | undefined, environment: string | undefined, flags: RollbackFlags): Promise<void> {
  const asked = flags.at === undefined ? recallOf(service, flags) : asOfOf(environment, flags);
  const preview = await client.get<GroupPreview>("rollout-groups/preview", asked);
  const only = new Set(flags.service);
  const named = preview.members.filter((member) => only.size === 0 || only.has(member.service));
  const missing = [...only].filter((name) => !preview.members.some((member) => member.service === name));
  if (flags.preview) {
    print(flags.json, preview, renderGroupPreview({ ...preview, members: named }));
    if (named.some((member) => !member.allowed)) process.exitCode = EXIT.refused;
    return;
  }
  const reason = requireReason(flags);
  if (missing.length > 0) process.stderr.write(`Nothing to do for ${missing.join(", ")}.\n`);
  const [chosen, refused] = [named.filter((member) => member.allowed), named.filter((member) => !member.allowed)];
  for (const member of refused) process.stderr.write(`Left out: ${member.service} in ${member.environment}: ${member.reasons.map((one) => one.sentence).join(" ")}\n`);
  if (named.length === 0) return print(flags.json, { rollouts: [], skipped: [] }, ["Everything is as asked for already."]);
  if (chosen.length === 0) throw new CliError("None of them may be started.", EXIT.refused);
  const confirm = requireConfirmation(flags.confirm, preview.typed, `This starts ${chosen.length} rollout${chosen.length === 1 ? "" : "s"}.`);
  const places = chosen.map((member) => ({ service: member.service, environment: member.environment, partition: member.partition }));
  const body: GroupRequest = { ...asked, places, reason, hold: flags.hold, confirm, revision: flags.revision ?? preview.revision, ...given({ incident: flags.incident }) };
  await startGroup(client, body, flags);
  if (refused.length > 0 && !process.exitCode) process.exitCode = EXIT.failed;
}

function asOfOf(positional: string | undefined, flags: RollbackFlags) {
  const environment = flags.environment ?? positional;
  if (!environment) throw new CliError("--at wants to know where: --environment NAME.");
  const at = flags.at ?? "";
  if (!/[zZ]$|[+-]\d\d:?\d\d$/.test(at) || Number.isNaN(Date.parse(at))) throw new CliError(`--at wants an RFC 3339 time with its offset, such as 2026-11-20T02:16:00Z, not "${at}".`);
  return { kind: "as-of" as const, environment, at: new Date(at).toISOString() };
}

function recallOf(service: string | undefined, flags: RollbackFlags) {
  if (!service) throw new CliError("--recalled wants to know of which service: plumbline rollback SERVICE --recalled VERSION.");
  return { kind: "recall" as const, service, version: flags.recalled ?? "" };
}
