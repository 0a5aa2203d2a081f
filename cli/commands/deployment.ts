import type { Command } from "commander";
import type { AuthorityDto } from "@/lib/contract/authority";
import type { AnnouncementDto } from "@/lib/contract/deployments";
import type { CreatedHook, HookDto } from "@/lib/contract/hooks";
import type { Page } from "@/lib/contract/primitives";
import { CliError, createClient, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";

type Common = ClientOptions & { json?: boolean };

/** `plumbline authority|deployment|hook`: who decides what runs where, and what deployers say. */
export function registerDeploymentCommands(program: Command): void {
  registerAnnouncements(program);
  registerHooks(program);
  const authority = program.command("authority").description("Who decides what runs at a place: Plumbline, or a deployer that it follows");
  authority
    .command("set")
    .description("external: an approved release that a deployer brings is followed. plumbline: it is drift")
    .argument("<service>")
    .argument("<environment>")
    .argument("<authority>", "external or plumbline")
    .option("--partition <name>", "this partition only (default: all of them)")
    .option("--reason <text>", "why; goes beside the ledger entry")
    .action(async (service: string, environment: string, chosen: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { partition?: string; reason?: string }>();
      if (chosen !== "external" && chosen !== "plumbline") throw new CliError(`"${chosen}" is neither external nor plumbline.`);
      const decided = await createClient(options).put<AuthorityDto>("authority", { service, environment, partition: options.partition, authority: chosen, reason: options.reason });
      print(options.json, decided, [describeAuthority(decided)]);
    });
}

function registerAnnouncements(program: Command): void {
  const deployment = program.command("deployment").description("Deployments that others carry out, and what their deployers say of them");
  deployment
    .command("announce")
    .description("Say that a deployment has started, is done or failed. Exit 3: it may not be deployed there, with every reason")
    .argument("<service>")
    .argument("<environment>")
    .argument("<release>", "a version; or a digest, or a reference that ends with one")
    .requiredOption("--status <status>", "started, succeeded or failed")
    .requiredOption("--id <id>", "your own name for this one deployment, such as the number of the run; the same again is the same deployment")
    .option("--partition <name>", "a partition of the environment", "default")
    .option("--tool <name>", "who deploys, as people call it, such as \"Argo CD\"")
    .option("--by <who>", "who started it there")
    .option("--link <url>", "where it can be watched")
    .action(async (service: string, environment: string, release: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { status: string; id: string; partition: string; tool?: string; by?: string; link?: string }>();
      const body = { service, environment, partition: options.partition, ...readRelease(release), status: options.status, externalId: options.id, tool: options.tool, by: options.by, url: options.link };
      const announced = await createClient(options).post<AnnouncementDto>("deployments", body);
      print(options.json, announced, [announced.sentence, ...(announced.rollout ? [`  follow it: plumbline rollout watch ${announced.rollout.id}`] : [])]);
    });
  deployment
    .command("list")
    .description("What deployers said, the last first; refused ones too")
    .argument("[service]")
    .argument("[environment]")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const list = await createClient(options).get<Page<AnnouncementDto>>("deployments", { service, environment });
      print(options.json, list, list.items.length === 0 ? ["Nothing was announced."] : table([["SERVICE", "ENVIRONMENT", "VERSION", "SAID", "CAME OF IT", "BY", "AT"], ...list.items.map((item) => [item.service, item.environment, item.version, item.status, item.rollout ? `R-${item.rollout.number}, ${item.rollout.status}` : item.outcome, item.tool ?? item.by ?? "", item.at])]));
    });
}

function registerHooks(program: Command): void {
  const hook = program.command("hook").description("Doors for deployers that sign their messages instead of sending a token");
  hook
    .command("create")
    .description("Make a hook; its secret is shown once")
    .argument("<name>")
    .option("--kind <kind>", "who calls it: github", "github")
    .option("--service <pattern>", "services it may announce deployments of; * stands for any characters", "*")
    .option("--environment <pattern>", "environments it may announce deployments to", "*")
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { kind: string; service: string; environment: string }>();
      const made = await createClient(options).post<CreatedHook>("hooks", { name, kind: options.kind, service: options.service, environment: options.environment });
      print(options.json, made, [`Payload URL: ${made.url}`, "Content type: application/json", `Secret: ${made.secret}`, "Events: Deployment statuses"]);
      if (!options.json) process.stderr.write("The secret is not shown again.\n");
    });
  hook
    .command("list")
    .description("The hooks, without their secrets")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const list = await createClient(options).get<Page<HookDto>>("hooks");
      print(options.json, list, list.items.length === 0 ? ["There is no hook."] : table([["NAME", "KIND", "SERVICE", "ENVIRONMENT", "LAST CALLED", "ID"], ...list.items.map((item) => [item.name, item.kind, item.service, item.environment, item.lastCalledAt ?? "never", item.id])]));
    });
  hook
    .command("remove")
    .description("Close a hook at once")
    .argument("<id>", "as hook list names it")
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const removed = await createClient(options).delete<{ id: string; removedAt: string }>(`hooks/${encodeURIComponent(id)}`);
      print(options.json, removed, [`The hook is closed since ${removed.removedAt}.`]);
    });
}

/** `registry.example/app:1.2@sha256:…`, a digest alone, or else a version. */
export function readRelease(text: string): { digest: string } | { version: string } {
  const tail = text.slice(text.lastIndexOf("@") + 1);
  return /^sha(256|512):/.test(tail) ? { digest: tail } : { version: text };
}

/** Who decides where now, in a sentence. */
export function describeAuthority({ service, environment, partition, authority, entry }: AuthorityDto): string {
  const where = `${service} in ${environment}${partition === null ? "" : `, partition ${partition}`}`;
  const said = entry === null ? "" : `, ledger entry ${entry}`;
  return authority === "external" ? `Others decide about ${where}, and Plumbline follows${said}` : `Plumbline decides about ${where}${said}`;
}
