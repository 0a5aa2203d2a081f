import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { ACTIVE_ROLLOUT_STATUSES } from "@/lib/domain/rollout/statuses";
import type { RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { createClient, EXIT, type Client, type ClientOptions } from "@/cli/client";
import { print } from "@/cli/output";

type Common = ClientOptions & { json?: boolean; partition: string; reason?: string; wait?: boolean };

/** `plumbline promote|rollback|reconverge`: the same verbs as the buttons, with an optional wait for the proof. */
export function registerRolloutCommands(program: Command): void {
  program
    .command("promote")
    .description("Assign an approved release to an environment and roll it out")
    .argument("<service>")
    .argument("<environment>")
    .argument("<version>")
    .option("--partition <name>", "a partition of the environment", "default")
    .option("--reason <text>", "kept beside the ledger entry")
    .option("--wait", "return when it is verified, or failed (exit 1)")
    .action(async (service: string, environment: string, version: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const client = createClient(options);
      await follow(client, await client.post<RolloutDto>("promotions", { service, environment, version, partition: options.partition, ...(options.reason ? { reason: options.reason } : {}) }), options);
    });

  program
    .command("rollback")
    .description("Return an environment to its last known good release, or to --to")
    .argument("<service>")
    .argument("<environment>")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--to <version>", "this release instead of the last known good")
    .option("--partition <name>", "a partition of the environment", "default")
    .option("--incident <id>", "the incident that it belongs to")
    .option("--no-hold", "do not hold promotions here afterwards")
    .option("--wait", "return when it is verified, or failed (exit 1)")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { to?: string; incident?: string; hold: boolean; reason: string }>();
      const client = createClient(options);
      const body = { service, environment, partition: options.partition, reason: options.reason, hold: options.hold, ...(options.to ? { version: options.to } : {}), ...(options.incident ? { incident: options.incident } : {}) };
      await follow(client, await client.post<RolloutDto>("rollbacks", body), options);
    });

  program
    .command("reconverge")
    .description("Put drifted targets back on the release that is assigned")
    .argument("<service>")
    .argument("<environment>")
    .requiredOption("--reason <text>", "why; goes beside the ledger entry")
    .option("--partition <name>", "a partition of the environment", "default")
    .option("--wait", "return when it is verified, or failed (exit 1)")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { reason: string }>();
      const client = createClient(options);
      await follow(client, await client.post<RolloutDto>("reconverge", { service, environment, partition: options.partition, reason: options.reason }), options);
    });

  program
    .command("unhold")
    .description("Lift the hold that a rollback placed")
    .argument("<service>")
    .argument("<environment>")
    .requiredOption("--reason <text>", "why")
    .option("--partition <name>", "a partition of the environment", "default")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      const result = await createClient(options).post<{ entry: number }>("holds/lift", { service, environment, partition: options.partition, reason: options.reason });
      print(options.json, result, [`Promotions of ${service} to ${environment} are open again, ledger entry ${result.entry}`]);
    });
}

const isActive = (status: string) => ACTIVE_ROLLOUT_STATUSES.some((active) => active === status);

async function follow(client: Client, started: RolloutDto, options: Common): Promise<void> {
  const target = started.to?.version ?? "nothing";
  if (!options.wait) {
    print(options.json, started, [`R-${started.number}: ${started.kind} of ${started.service} in ${started.environment} to ${target}, ledger entry ${started.entry}`, `  ${client.url}/rollouts/${started.id}`]);
    return;
  }
  let current: RolloutDto = started;
  let shown = "";
  while (isActive(current.status)) {
    const line = `R-${current.number} ${current.status}: ${current.counts.verified} of ${current.counts.total} verified, ${current.counts.inFlight} in flight, ${current.counts.stuck} stuck`;
    if (line !== shown && !options.json) process.stderr.write(`${line}\n`);
    shown = line;
    await sleep(500);
    current = await client.get<RolloutDetail>(`rollouts/${current.id}`);
  }
  const good = current.status === "succeeded" || current.status === "succeeded-will-revert";
  print(options.json, current, [`R-${current.number} ${current.status}${current.statusReason ? `: ${current.statusReason}` : ""}; ${current.counts.verified} of ${current.counts.total} verified on ${target}`]);
  if (!good) process.exitCode = EXIT.failed;
}
