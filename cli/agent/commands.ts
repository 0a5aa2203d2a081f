import type { Command } from "commander";
import { readFile, stat } from "node:fs/promises";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { allowsTarget, parseActFile } from "./act-rules";
import { runAgent, runAgentOnce } from "./agent";
import type { AgentOptions } from "./agent";
import { DEFAULT_PARALLEL } from "./converge";
import { enrollAgain, enrollAgent, leaveFleet } from "./enroll";
import { openHooks } from "./hooks";
import { loadIdentity } from "./identity";
import type { Identity } from "./identity";
import { openDockerRuntime } from "./runtimes/docker";
import { openExecRuntime } from "./runtimes/exec";
import type { Runtime } from "./runtimes/runtime";
import { defaultStateDir } from "./state-files";
import { stayEnrolled } from "./stay-enrolled";

interface StateOption {
  state: string;
}

interface EnrollOptions extends StateOption {
  url?: string;
  token?: string;
  name?: string;
  ca?: string;
  fingerprint?: string;
  runtime: string;
  region?: string;
  interval?: string;
}

interface RunOptions extends StateOption {
  act: string[];
  actFile?: string;
  runtime?: string;
  socket?: string;
  interval?: string;
  region?: string;
  listCommand?: string;
  replaceCommand?: string;
  prefetchCommand?: string;
  preHook?: string;
  postHook?: string;
  hookTimeout: string;
  parallel: string;
  pollInterval: string;
  logs?: boolean;
  ephemeral?: boolean;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

/** `plumbline agent …`: observes this host, reports it, and acts where the host allows. */
export function registerAgent(program: Command): void {
  const group = program.command("agent").description("report what this host runs, and act on it where this host allows");
  const state = ["--state <dir>", "folder of its identity and progress", defaultStateDir()] as const;

  group
    .command("enroll")
    .description("make this host an agent of a Plumbline server")
    .option("--url <url>", "the server's address (default: PLUMBLINE_URL)")
    .option("--token <token>", "the enrolment token (default: PLUMBLINE_ENROLMENT_TOKEN)")
    .option("--name <name>", "what the host is called (default: its host name)")
    .option("--ca <file>", "PEM file of the authority that signed the server's certificate")
    .option("--fingerprint <hex>", "SHA-256 of the server's verification key; another key is refused")
    .option("--runtime <name>", "docker or exec", "docker")
    .option("--region <name>", "where this host is")
    .option("--interval <seconds>", "how often it reports")
    .option(...state)
    .action(async (options: EnrollOptions) => {
      const url = options.url ?? process.env.PLUMBLINE_URL;
      const token = options.token ?? process.env.PLUMBLINE_ENROLMENT_TOKEN;
      if (!url || !token) throw new Error("name the server and the token: --url URL --token TOKEN");
      const identity = await enrollAgent({
        url,
        token,
        stateDir: resolve(options.state),
        agentVersion: program.version() ?? "0",
        runtime: runtimeName(options.runtime),
        name: options.name,
        ca: options.ca === undefined ? undefined : await readFile(options.ca, "utf8"),
        fingerprint: options.fingerprint,
        region: options.region,
        intervalMs: options.interval === undefined ? undefined : secondsToMs(options.interval),
      });
      console.log(`enrolled as ${identity.name} (${identity.agent}) at ${identity.url}`);
      console.log("observe with `plumbline agent run`; let it act with `plumbline agent run --act '<targets>'`");
    });

  const runCommand = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .option("--act <pattern>", "a target that the agent may act on, `*` for any characters; may be given again", collect, [])
      .option("--act-file <file>", "one such pattern a line; read again when it changes")
      .option("--runtime <name>", "docker or exec (default: as enrolled)")
      .option("--socket <path>", "the container engine's API socket (default: DOCKER_HOST, else Docker's and Podman's usual ones)")
      .option("--list-command <command>", "exec runtime: prints what runs, one JSON object a line")
      .option("--replace-command <command>", "exec runtime: brings $PLUMBLINE_TARGET to $PLUMBLINE_DIGEST")
      .option("--prefetch-command <command>", "exec runtime: gets $PLUMBLINE_DIGEST onto this host before it is to run; without one nothing is fetched ahead")
      .option("--pre-hook <command>", "run before each replacement; when it fails or takes too long the replacement is not begun")
      .option("--post-hook <command>", "run after each replacement; when it fails or takes too long that is reported, and what was started keeps running")
      .option("--hook-timeout <seconds>", "how long a hook may take before it is ended with everything that it started", "60")
      .option("--parallel <number>", "how many targets are worked on at the same time, 1 to 64", String(DEFAULT_PARALLEL))
      .option("--poll-interval <seconds>", "exec runtime: how often it lists to notice a change", "3")
      .option("--interval <seconds>", "how often it reports when nothing changes (default: as enrolled)")
      .option("--region <name>", "where this host is (default: as enrolled)")
      .option("--ephemeral", "leave the fleet when it is told to end (SIGTERM); so does every agent of an ephemeral pool")
      .option("--logs", "send the last 50 log lines of a container that does not start")
      .option(...state);

  runCommand("run", "report until it is stopped, and act where this host allows").action(async (options: RunOptions) => {
    const controller = new AbortController();
    let leaves = false;
    process.once("SIGINT", () => controller.abort());
    process.once("SIGTERM", () => {
      leaves = true;
      controller.abort();
    });
    const agentVersion = program.version() ?? "0";
    await enrollOnStart(options, agentVersion);
    const stateDir = resolve(options.state);
    const token = process.env.PLUMBLINE_ENROLMENT_TOKEN;
    await stayEnrolled({
      run: async () => {
        const agent = await prepareRun(options, controller.signal);
        agent.log(`${agent.identity.name} reports ${agent.runtime.name} to ${agent.identity.url} every ${agent.intervalMs / 1_000} s`);
        return runAgent({ ...agent, endsWhenRetired: Boolean(token) });
      },
      enrolAgain: async () => {
        const { name, agent: id, url } = await enrollAgain({ stateDir, token: token ?? "", agentVersion });
        return `${name} (${id}) at ${url}`;
      },
      pause: (ms) => sleep(ms, undefined, { signal: controller.signal }).catch(() => undefined),
      random: Math.random,
      log: say,
      signal: controller.signal,
    });
    if (leaves && (options.ephemeral === true || (await loadIdentity(stateDir))?.ephemeral === true)) {
      await leaveFleet(stateDir, true, "stopped");
      say("left the fleet");
    }
    say("stopped");
  });
  runCommand("once", "report once, bring targets to what is desired now, report again").action(async (options: RunOptions) => {
    const agent = await prepareRun(options, new AbortController().signal);
    if (!(await runAgentOnce(agent))) throw new Error("the server did not take the report");
  });

  group
    .command("leave")
    .description("tell the server that this host leaves the fleet, and forget the identity")
    .option("--reason <text>", "why", "left")
    .option("--force", "forget also when the server does not answer")
    .option(...state)
    .action(async (options: StateOption & { force?: boolean; reason: string }) => {
      await leaveFleet(resolve(options.state), options.force ?? false, options.reason);
      console.log("left the fleet");
    });
}

/** A line of the agent's log. */
function say(message: string): void {
  console.error(`${new Date().toISOString()} ${message}`);
}

/** A host that comes and goes has nobody to enrol it: it does so itself when its environment names server and token. */
async function enrollOnStart(options: RunOptions, agentVersion: string): Promise<void> {
  const { PLUMBLINE_URL: url, PLUMBLINE_ENROLMENT_TOKEN: token } = process.env;
  const stateDir = resolve(options.state);
  if (!url || !token || (await loadIdentity(stateDir))) return;
  const identity = await enrollAgent({ url, token, stateDir, agentVersion, runtime: runtimeName(options.runtime ?? "docker"), region: options.region, intervalMs: options.interval === undefined ? undefined : secondsToMs(options.interval) });
  say(`enrolled as ${identity.name} (${identity.agent}) at ${identity.url}`);
}

async function prepareRun(options: RunOptions, signal: AbortSignal): Promise<AgentOptions> {
  const stateDir = resolve(options.state);
  const identity = await loadIdentity(stateDir);
  if (!identity) throw new Error(`no agent is enrolled in ${stateDir}: \`plumbline agent enroll --url URL --token TOKEN\` comes first`);
  if (options.actFile !== undefined) await stat(options.actFile);
  const mayAct = actRules(options.act, options.actFile);
  const runtime = await openRuntime(options, identity, mayAct);
  const hooks = openHooks({ pre: options.preHook, post: options.postHook, timeoutMs: secondsToMs(options.hookTimeout), env: process.env });
  return { stateDir, identity, runtime, mayAct, hooks, parallel: parallelOf(options.parallel), intervalMs: options.interval === undefined ? identity.intervalMs : secondsToMs(options.interval), log: say, signal };
}

async function openRuntime(options: RunOptions, identity: Identity, mayAct: (target: string) => boolean): Promise<Runtime> {
  const region = options.region ?? identity.region;
  if (runtimeName(options.runtime ?? identity.runtime) === "docker") {
    return openDockerRuntime({ socket: options.socket, env: process.env, region, logs: options.logs ?? false, settingsKey: identity.settingsKey, mayAct, now: () => Date.now() });
  }
  if (!options.listCommand) throw new Error("the exec runtime needs --list-command");
  return openExecRuntime({ listCommand: options.listCommand, replaceCommand: options.replaceCommand, prefetchCommand: options.prefetchCommand, env: process.env, region, mayAct, pollMs: secondsToMs(options.pollInterval) });
}

/** The patterns of the flags and of the file; the file counts as it is now, so that a host can change its mind. */
function actRules(patterns: string[], file: string | undefined): (target: string) => boolean {
  let read = { mtimeMs: -1, patterns: [] as string[] };
  return (target) => {
    if (file === undefined) return allowsTarget(patterns, target);
    try {
      const { mtimeMs } = statSync(file);
      if (mtimeMs !== read.mtimeMs) read = { mtimeMs, patterns: parseActFile(readFileSync(file, "utf8")) };
    } catch {
      // A file that vanished allows nothing.
      read = { mtimeMs: -1, patterns: [] };
    }
    return allowsTarget([...patterns, ...read.patterns], target);
  };
}

function runtimeName(text: string): "docker" | "exec" {
  if (text === "docker" || text === "exec") return text;
  throw new Error(`unknown runtime ${JSON.stringify(text)}: docker or exec`);
}

function parallelOf(text: string): number {
  const parallel = Number(text);
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 64) throw new Error(`--parallel ${text} is no number from 1 to 64`);
  return parallel;
}

function secondsToMs(text: string): number {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds < 0.1 || seconds > 3_600) throw new Error(`${text} is no number of seconds from 0.1 to 3600`);
  return Math.round(seconds * 1_000);
}
