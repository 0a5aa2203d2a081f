import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { CreatedToken } from "@/lib/contract/access";
import type { EnvironmentDto } from "@/lib/contract/fleet";
import { CliError, createClient, dataFolder, EXIT, reasonOf, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";

type Common = ClientOptions & { json?: boolean };

/** `plumbline setup|token|environment`: what an administrator does at a shell. */
export function registerAdminCommands(program: Command): void {
  program
    .command("setup")
    .description("Make a new single-use set-up link and token, on the machine that Plumbline runs on")
    .option("--data <folder>", "the installation's data folder (PLUMBLINE_DATA, .plumbline)")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { data?: string }>();
      const result = await askForSetup(dataFolder(options.data), options.url ?? process.env["PLUMBLINE_URL"]);
      print(options.json, result, [`Open once, before ${result.expiresAt}:`, `  ${result.link}`, `First API token: ${result.token}`]);
    });

  const token = program.command("token").description("API tokens for machines");
  token
    .command("create")
    .description("Make a token; it is shown once")
    .argument("<name>", "what it is for, for example ci-payments")
    .requiredOption("--role <role>", "viewer, publisher, promoter, operator, approver, auditor or admin")
    .option("--service <pattern>", "services it reaches; * stands for any characters", "*")
    .option("--environment <pattern>", "environments it reaches", "*")
    .option("--team <team>", "the team that owns it")
    .option("--expires-in-hours <n>", "how long it lives", "2160")
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { role: string; service: string; environment: string; team?: string; expiresInHours: string }>();
      const result = await createClient(options).post<CreatedToken>("tokens", { name, role: options.role, service: options.service, environment: options.environment, expiresInHours: Number(options.expiresInHours), ...(options.team ? { team: options.team } : {}) });
      print(options.json, result, [result.token]);
      // Beside it, so that $(plumbline token create …) is the token alone.
      if (!options.json) process.stderr.write(`${result.role}, until ${result.expiresAt}. It is not shown again.\n`);
    });

  const environment = program.command("environment").description("Where services run");
  environment.command("list").action(async (_options: unknown, command: Command) => {
    const options = command.optsWithGlobals<Common>();
    const result = await createClient(options).get<{ items: EnvironmentDto[] }>("environments");
    print(options.json, result, table([["NAME", "PROTECTED", "APPROVALS", "MODE"], ...result.items.map((item) => [item.name, item.protected ? "yes" : "no", `${item.requiredApprovals}`, item.mode])]));
  });
  environment
    .command("set")
    .description("Make or change an environment")
    .argument("<name>")
    .option("--protected <yes|no>")
    .option("--approvals <n>", "how many people must approve a release")
    .option("--mode <mode>", "observe or enforce")
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common & { protected?: string; approvals?: string; mode?: string }>();
      const body = { name, ...(options.protected ? { protected: options.protected === "yes" } : {}), ...(options.approvals ? { requiredApprovals: Number(options.approvals) } : {}), ...(options.mode ? { mode: options.mode } : {}) };
      const result = await createClient(options).put<EnvironmentDto>("environments", body);
      print(options.json, result, [`${result.name}: ${result.protected ? "protected" : "not protected"}, ${result.requiredApprovals} approvals, ${result.mode}`]);
    });
}

/** Asks the running server for a new link with the key that only this machine's administrator can read. */
async function askForSetup(data: string, urlOption: string | undefined): Promise<{ link: string; token: string; expiresAt: string }> {
  const keyFile = join(data, "keys", "local.key");
  let key: string;
  try {
    key = readFileSync(keyFile, "utf8").trim();
  } catch (error) {
    throw new CliError(`Cannot read ${keyFile} (${reasonOf(error)}). Run this where Plumbline runs, as its user, with --data pointing at its data folder.`);
  }
  const url = urlOption ?? runningUrl(data);
  if (!url) throw new CliError("Plumbline does not seem to run on this data folder. Start it first: npm start", EXIT.unreachable);
  let response: Response;
  try {
    response = await fetch(`${url.replace(/\/$/, "")}/api/v1/setup/link`, { method: "POST", headers: { authorization: `Local ${key}`, "content-type": "application/json" }, body: "{}" });
  } catch (error) {
    throw new CliError(`Plumbline at ${url} does not answer (${reasonOf(error)}). Start it first: npm start`, EXIT.unreachable);
  }
  const body = (await response.json().catch(() => null)) as { link?: string; token?: string; expiresAt?: string; detail?: string } | null;
  if (!response.ok || !body?.link || !body.token || !body.expiresAt) throw new CliError(body?.detail ?? `The server answered ${response.status}.`, EXIT.refused);
  return { link: body.link, token: body.token, expiresAt: body.expiresAt };
}

function runningUrl(data: string): string | null {
  const file = join(data, "state.json");
  if (!existsSync(file)) return null;
  try {
    const state = JSON.parse(readFileSync(file, "utf8")) as { url?: unknown };
    return typeof state.url === "string" ? state.url : null;
  } catch {
    return null;
  }
}
