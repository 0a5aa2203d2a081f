import type { Command } from "commander";
import type { AuthorityDto } from "@/lib/contract/authority";
import { CliError, createClient, type ClientOptions } from "@/cli/client";
import { print } from "@/cli/output";

type Common = ClientOptions & { json?: boolean };

/** `plumbline authority`: who decides what runs where. */
export function registerDeploymentCommands(program: Command): void {
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

/** Who decides where now, in a sentence. */
export function describeAuthority({ service, environment, partition, authority, entry }: AuthorityDto): string {
  const where = `${service} in ${environment}${partition === null ? "" : `, partition ${partition}`}`;
  const said = entry === null ? "" : `, ledger entry ${entry}`;
  return authority === "external" ? `Others decide about ${where}, and Plumbline follows${said}` : `Plumbline decides about ${where}${said}`;
}
