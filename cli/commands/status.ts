import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { StatusDto } from "@/lib/contract/fleet";
import { createClient, EXIT, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";
import { readDuration } from "./rollouts/read-duration";

/** How often is looked while waiting, ms. */
const LOOK_MS = 2_000;

/** `plumbline status`: exit 0 when everything asked for is in sync, 2 when something drifts or is silent, 124 when it was waited for in vain. */
export function registerStatusCommand(program: Command, { lookMs = LOOK_MS }: { lookMs?: number } = {}): void {
  program
    .command("status")
    .description("Does what runs match what is assigned? Exit 0: yes. Exit 2: drift, or something is silent")
    .argument("[service]")
    .argument("[environment]")
    .option("--wait", "until it is in sync, for pipelines; something must have reported")
    .option("--timeout <duration>", "how long to wait, such as 90s or 10m; exit 124 after it", "10m")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean; wait?: boolean; timeout: string }>();
      const timeoutMs = readDuration(options.timeout, "--timeout");
      const client = createClient(options);
      const look = (): Promise<StatusDto> => client.get<StatusDto>("status", { service, environment });
      const status = options.wait ? await waitUntilSettled(look, { timeoutMs, lookMs }) : await look();
      const rows = status.cells.map((cell) => [cell.service, cell.environment, cell.assigned ?? "nothing assigned", `${cell.instances}`, cell.deviating > 0 ? `${cell.worst} on ${cell.deviating}` : cell.silent > 0 ? `silent on ${cell.silent}` : (cell.worst ?? "no instances")]);
      print(options.json, status, [...(rows.length > 0 ? table([["SERVICE", "ENVIRONMENT", "ASSIGNED", "INSTANCES", "STATE"], ...rows]) : ["Nothing reports yet."]), summarise(status, options.wait ? options.timeout : null)]);
      if (options.wait ? !isSettled(status) : !status.inSync) process.exitCode = options.wait ? EXIT.timeout : EXIT.drift;
    });
}

function summarise(status: StatusDto, waited: string | null): string {
  if (waited !== null && !isSettled(status)) return `Not there within ${waited}: ${status.instances === 0 ? "nothing has reported" : status.inSync ? "a rollout is under way" : "something deviates, or is silent"}, as of ${status.asOf}.`;
  return `${status.inSync ? "In sync" : "Drift"}, as of ${status.asOf}.`;
}

/** In sync, with something there, and nothing on its way: a rollout under way explains what deviates, and is not its end. */
export function isSettled({ inSync, instances, cells }: Pick<StatusDto, "inSync" | "instances" | "cells">): boolean {
  return inSync && instances > 0 && cells.every(({ severity }) => severity !== "rolling");
}

/** The first settled status, or the last before the time is over. */
async function waitUntilSettled(look: () => Promise<StatusDto>, { timeoutMs, lookMs }: { timeoutMs: number; lookMs: number }): Promise<StatusDto> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const status = await look();
    const leftMs = until - performance.now();
    if (isSettled(status) || leftMs <= 0) return status;
    await sleep(Math.min(lookMs, leftMs));
  }
}
