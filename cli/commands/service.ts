import type { Command } from "commander";
import type { ServiceNamesDto } from "@/lib/contract/services";
import { createClient, type ClientOptions } from "@/cli/client";
import { print } from "@/cli/output";

type Options = ClientOptions & { json?: boolean; reason: string };

/** `plumbline service rename|merge|alias|unalias`: what services are called. */
export function registerServiceCommands(program: Command): void {
  const service = program.command("service").description("What services are called; history follows");
  const verbs = [
    { verb: "rename", argument: "to", description: "Give a service another name; the old one goes on meaning it", say: ({ service: name }: ServiceNamesDto, was: string) => `${was} is called ${name} now` },
    { verb: "merge", argument: "into", description: "Make one service of two: the first becomes the second", say: ({ service: name }: ServiceNamesDto, was: string) => `${was} is ${name} now` },
    { verb: "alias", argument: "alias", description: "Make another name mean a service", say: ({ service: name, aliases }: ServiceNamesDto) => `${aliases.join(", ")} ${aliases.length === 1 ? "means" : "mean"} ${name}` },
    { verb: "unalias", argument: "alias", description: "Let a name that was added mean a service no longer", say: ({ service: name }: ServiceNamesDto, _was: string, other: string) => `${other} no longer means ${name}` },
  ] as const;
  for (const { verb, argument, description, say } of verbs) {
    service
      .command(verb)
      .description(description)
      .argument("<service>")
      .argument(`<${argument}>`)
      .requiredOption("--reason <text>", "why; goes beside the ledger entry")
      .action(async (name: string, other: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<Options>();
        const names = await createClient(options).post<ServiceNamesDto>(`services/${encodeURIComponent(name)}/${verb}`, { [argument]: other, reason: options.reason });
        print(options.json, names, [`${say(names, name, other)}, ledger entry ${names.entry}`]);
      });
  }
}
