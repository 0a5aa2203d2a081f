import type { Command } from "commander";
import type { z } from "zod";
import type { Page } from "@/lib/contract/primitives";
import type { abortRequest, goAheadRequest, resumeRequest, RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { CliError, createClient, EXIT, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";
import { describeEnd } from "./decide-exit";
import { findRollout } from "./find-rollout";
import { addFollowOptions, deadlineOf, explainExits, type FollowFlags } from "./options";
import { createPatientClient } from "./patient-client";
import { renderProgress } from "./render-progress";
import { followRollout, given } from "./start";
import { plainText } from "./terminal-text";
import { surfaceOf } from "./views";

type Common = ClientOptions & { json?: boolean; reason?: string };

/** `plumbline rollout list|show|watch|pause|resume|abort|go-ahead`. */
export function registerRolloutGroup(program: Command): void {
  const rollout = program.command("rollout").description("Look at rollouts and steer them");
  const about = (name: string, description: string): Command =>
    rollout.command(name).description(description).argument("<rollout>", "its number (R-12) or id, or a service").argument("[environment]", "with a service: the latest rollout there");

  rollout
    .command("list")
    .description("Rollouts, newest first")
    .argument("[service]")
    .argument("[environment]")
    .option("--active", "only those that are under way")
    .option("--since <time>", "only those that were under way at or after this time (RFC 3339)")
    .option("--limit <n>", "how many", "20")
    .action(async (service: string | undefined, environment: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { active?: boolean; since?: string; limit: string }>();
      const page = await createClient(options).get<Page<RolloutDto>>("rollouts", { service, environment, limit: options.limit, since: options.since, status: options.active ? "active" : undefined });
      const rows = page.items.map((item) => [`R-${item.number}`, item.kind, item.service, `${item.environment}${item.partition === "default" ? "" : `/${item.partition}`}`, item.to?.version ?? "nothing", item.status, `${item.counts.verified}/${item.counts.total}`, item.createdAt, plainText(item.startedBy)]);
      print(options.json, page, rows.length === 0 ? ["No rollouts."] : table([["ROLLOUT", "KIND", "SERVICE", "ENVIRONMENT", "TO", "STATUS", "VERIFIED", "STARTED", "BY"], ...rows]));
    });

  about("show", "How a rollout stands, wave by wave, and what is in the way").action(async (named: string, environment: string | undefined, _options: unknown, command: Command) => {
    const options = command.optsWithGlobals<Common>();
    const client = createClient(options);
    const detail = await client.get<RolloutDetail>(`rollouts/${await findRollout(client, named, environment)}`);
    const surface = surfaceOf(process.stdout, { tall: true });
    const odd = detail.targets.filter(({ status }) => status === "stuck" || status === "failed" || status === "regressed" || status === "contested").slice(0, 20);
    print(options.json, detail, [
      ...renderProgress({ value: detail, away: null, nowMs: Date.now() }, surface),
      ...(odd.length > 0 ? ["", ...table(odd.map((target) => [target.status, target.agent, target.key, plainText([target.reason, target.message].filter(Boolean).join(": "))]))] : []),
      "",
      ...detail.events.slice(-10).map(({ at, sentence }) => `${at}  ${plainText(sentence)}`),
      `${client.url}/rollouts/${detail.id}`,
    ]);
  });

  addFollowOptions(about("watch", "Follow a rollout until it is over: live in a terminal, one JSON line per change elsewhere")).action(async (named: string, environment: string | undefined, _options: unknown, command: Command) => {
    const options = command.optsWithGlobals<Common & FollowFlags>();
    const deadline = deadlineOf(options);
    const client = createPatientClient(options);
    const { id, number } = await client.get<RolloutDetail>(`rollouts/${await findRollout(client, named, environment)}`);
    await followRollout(client, { id, number }, options, deadline);
  });

  const steer = (name: string, description: string): Command => explainExits(about(name, description)).option("--reason <text>", "why; kept with the rollout");
  const send = async (command: Command, named: string, environment: string | undefined, verb: string, body: object): Promise<void> => {
    const options = command.optsWithGlobals<Common>();
    const client = createClient(options);
    const result = await client.post<RolloutDto>(`rollouts/${await findRollout(client, named, environment)}/${verb}`, { ...body, ...given({ reason: options.reason }) });
    print(options.json, result, [describeEnd(result)]);
  };

  steer("pause", "Make no new offers; replacements that run finish").action((named: string, environment: string | undefined, _options: unknown, command: Command) => send(command, named, environment, "pause", {}));

  steer("resume", "Go on with a paused rollout")
    .option("--failed <what>", "where a wave failed: retry offers its failed and stuck targets again, accept goes on without them")
    .action((named: string, environment: string | undefined, options: { failed?: string }, command: Command) => {
      const failed = options.failed;
      if (failed !== undefined && failed !== "retry" && failed !== "accept") throw new CliError(`--failed wants retry or accept, not "${failed}".`);
      return send(command, named, environment, "resume", given({ failed }) satisfies z.input<typeof resumeRequest>);
    });

  steer("abort", "Stop here: what was offered stays as it is, and promotions are held")
    .option("--then <what>", "stop, or rollback to go back to what was assigned before", "stop")
    .action((named: string, environment: string | undefined, options: { then: string }, command: Command) => {
      const then = options.then;
      if (then !== "stop" && then !== "rollback") throw new CliError(`--then wants stop or rollback, not "${then}".`);
      return send(command, named, environment, "abort", { how: then } satisfies z.input<typeof abortRequest>);
    });

  steer("go-ahead", "Say go to the wave that waits for a person")
    .option("--wave <n>", "which wave; default: the one that waits")
    .action(async (named: string, environment: string | undefined, options: { wave?: string }, command: Command) => {
      if (options.wave !== undefined) return send(command, named, environment, "go-ahead", { wave: readWave(options.wave) } satisfies z.input<typeof goAheadRequest>);
      const client = createClient(command.optsWithGlobals<Common>());
      const detail = await client.get<RolloutDetail>(`rollouts/${await findRollout(client, named, environment)}`);
      const waiting = detail.waves.find((wave) => wave.status === "waiting" && wave.goAhead.needed && wave.goAhead.by === null);
      if (!waiting) throw new CliError(`No wave of R-${detail.number} waits for a person; it is ${detail.status}.`, EXIT.refused);
      return send(command, detail.id, undefined, "go-ahead", { wave: waiting.ordinal } satisfies z.input<typeof goAheadRequest>);
    });
}

function readWave(text: string): number {
  const wave = Number(text);
  if (!Number.isInteger(wave) || wave < 1) throw new CliError(`--wave wants a number from 1, not "${text}".`);
  return wave;
}
