import type { Command } from "commander";
import type { GateDto } from "@/lib/contract/gate";
import { createClient, EXIT, type ClientOptions } from "@/cli/client";
import { print } from "@/cli/output";

/** `plumbline gate`: exit 0 when a digest may be deployed, 3 with the reasons when it may not. */
export function registerGateCommand(program: Command): void {
  program
    .command("gate")
    .description("May this digest be deployed there, by whoever deploys it? Exit 0: yes. Exit 3: no, with every reason")
    .argument("<service>")
    .argument("<environment>")
    .argument("<digest>", "sha256:…, of the index, a manifest or the config; a reference that ends with one will do")
    .option("--partition <name>", "a partition of the environment", "default")
    .action(async (service: string, environment: string, reference: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean; partition: string }>();
      // registry.example/app:1.2@sha256:…, as pipelines have it in hand.
      const digest = reference.slice(reference.lastIndexOf("@") + 1);
      const gate = await createClient(options).get<GateDto>("gate", { service, environment, partition: options.partition, digest });
      print(options.json, gate, describeGate(gate));
      if (!gate.allowed) process.exitCode = EXIT.refused;
    });
}

/** What the gate says, in lines for people. */
export function describeGate(gate: GateDto): string[] {
  const what = gate.version === null ? gate.digest : `${gate.service} ${gate.version}`;
  const where = gate.partition === "default" ? gate.environment : `${gate.environment}, partition ${gate.partition}`;
  if (gate.allowed) return [`${what} may be deployed to ${where}.${gate.adopted ? " It was adopted as it ran, without evidence." : ""}`];
  return [`${what} may not be deployed to ${where}:`, ...gate.reasons.map(({ sentence }) => `  - ${sentence}`)];
}
