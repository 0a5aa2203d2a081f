import type { Command } from "commander";
import type { StatusDto } from "@/lib/contract/fleet";
import { createClient, EXIT, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";

/** `plumbline status`: exit 0 when everything asked for is in sync, 2 when something drifts or is silent. */
export function registerStatusCommand(program: Command): void {
  program
    .command("status")
    .description("Does what runs match what is assigned? Exit 0: yes. Exit 2: drift, or something is silent")
    .argument("[service]")
    .argument("[environment]")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean }>();
      const status = await createClient(options).get<StatusDto>("status", { service, environment });
      const rows = status.cells.map((cell) => [cell.service, cell.environment, cell.assigned ?? "nothing assigned", `${cell.instances}`, cell.deviating > 0 ? `${cell.worst} on ${cell.deviating}` : cell.silent > 0 ? `silent on ${cell.silent}` : (cell.worst ?? "no instances")]);
      print(options.json, status, [...(rows.length > 0 ? table([["SERVICE", "ENVIRONMENT", "ASSIGNED", "INSTANCES", "STATE"], ...rows]) : ["Nothing reports yet."]), status.inSync ? `In sync, as of ${status.asOf}.` : `Drift, as of ${status.asOf}.`]);
      if (!status.inSync) process.exitCode = EXIT.drift;
    });
}
