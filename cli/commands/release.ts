import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { Page } from "@/lib/contract/primitives";
import type { ApprovalDto, RegisterReleaseRequest, ReleaseDto } from "@/lib/contract/releases";
import { CliError, createClient, reasonOf, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";
import { readComponent } from "@/cli/registry/read-manifests";

type RegisterOptions = ClientOptions & {
  json?: boolean;
  component: string[];
  kind: "planned" | "hotfix";
  sourceUrl?: string;
  commit?: string;
  commits?: string;
  builtAt?: string;
  author: string[];
  triggeredBy?: string;
  ticket: string[];
  notes?: string;
  migrations?: string;
  plainHttp?: boolean;
};

const gather = (value: string, before: string[]) => [...before, value];

/** `plumbline release register|approve|withdraw|recall|list`: for CI and for approvers at a shell. */
export function registerReleaseCommands(program: Command): void {
  const release = program.command("release").description("Register, approve and list releases");

  release
    .command("register")
    .description("Record a version and the exact bytes it consists of; reads and hashes the manifests itself")
    .argument("<service>", "the service, for example payments")
    .argument("<version>", "its version, for example 1.42.0")
    .argument("[source]", "registry reference, oci:DIR[:TAG], or file:PATH")
    .option("--component <name=source>", "one more component, repeatable", gather, [])
    .option("--kind <kind>", "planned or hotfix", "planned")
    .option("--source-url <url>", "where the source can be read")
    .option("--commit <sha>", "the commit it was built from")
    .option("--commits <n>", "how many commits it brings")
    .option("--built-at <time>", "RFC 3339")
    .option("--author <who>", "an author, repeatable; authors may not approve it", gather, [])
    .option("--triggered-by <who>", "who started the build; may not approve it")
    .option("--ticket <id>", "repeatable", gather, [])
    .option("--notes <text>", "free text")
    .option("--migrations <file>", "JSON list of {id, kind: expand|contract|irreversible, compatibleBackTo?, runbook?}; [] declares none")
    .option("--plain-http", "talk to the registry without TLS (the default on loopback)")
    .action(async (service: string, version: string, source: string | undefined, _options: RegisterOptions, command: Command) => {
      const options = command.optsWithGlobals<RegisterOptions>();
      const sources: [string, string][] = options.component.map((pair) => splitPair(pair));
      if (source) sources.unshift(["main", source]);
      if (sources.length === 0) throw new CliError("Name what the release consists of: a registry reference, oci:DIR or file:PATH, or --component NAME=SOURCE.");
      const components: RegisterReleaseRequest["components"] = [];
      for (const [name, from] of sources) components.push({ name, ...(await readComponent(from, options)) });
      const body: RegisterReleaseRequest = {
        service,
        version,
        components,
        kind: options.kind,
        authors: options.author,
        tickets: options.ticket,
        ...(options.sourceUrl ? { sourceUrl: options.sourceUrl } : {}),
        ...(options.commit ? { commits: { head: options.commit, count: Number(options.commits ?? 1) } } : {}),
        ...(options.builtAt ? { builtAt: options.builtAt } : {}),
        ...(options.triggeredBy ? { triggeredBy: options.triggeredBy } : {}),
        ...(options.notes ? { notes: options.notes } : {}),
        ...(options.migrations ? { migrations: readMigrations(options.migrations) } : {}),
      };
      const result = await createClient(options).post<ReleaseDto>("releases", body);
      print(options.json, result, [
        `${result.service} ${result.version} registered, ledger entry ${result.entry}`,
        ...result.components.map((component) => `  ${component.name}  ${component.digest}  (${component.digests.length} digests known)`),
        ...result.approvals.map((approval) => `  ${approval.environment}: ${approval.approved ? "may run" : `needs ${approval.required} approval${approval.required === 1 ? "" : "s"}`}`),
      ]);
    });

  for (const [verb, path, help] of [
    ["approve", "approvals", "Say that a release may run in an environment"],
    ["withdraw", "approvals/withdraw", "Take your approval back"],
  ] as const) {
    release
      .command(verb)
      .description(help)
      .argument("<service>")
      .argument("<version>")
      .argument("<environment>")
      .option("--reason <text>", verb === "approve" ? "kept beside the ledger entry" : "why (required)")
      .action(async (service: string, version: string, environment: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<ClientOptions & { json?: boolean; reason?: string }>();
        const note = options.reason === undefined ? {} : verb === "approve" ? { note: options.reason } : { reason: options.reason };
        const result = await createClient(options).post<ApprovalDto>(path, { service, version, environment, ...note });
        print(options.json, result, [`${service} ${version} in ${environment}: ${result.standing} of ${result.required} approvals, ${result.approved ? "may run" : "may not run"}; ledger entry ${result.entry}`]);
      });
  }

  release
    .command("recall")
    .description("This release may not be assigned anywhere any more")
    .argument("<service>")
    .argument("<version>")
    .requiredOption("--reason <text>", "why")
    .action(async (service: string, version: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean; reason: string }>();
      const result = await createClient(options).post<{ entry: number; instances: number }>("recalls", { service, version, reason: options.reason });
      print(options.json, result, [`${service} ${version} recalled, ledger entry ${result.entry}; ${result.instances} instances run it now`]);
    });

  release
    .command("list")
    .description("Releases, newest first")
    .argument("[service]")
    .option("--limit <n>", "how many", "20")
    .action(async (service: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean; limit: string }>();
      const page = await createClient(options).get<Page<ReleaseDto>>("releases", { service, limit: options.limit });
      const rows = page.items.map((item) => [
        item.service,
        item.version,
        item.components[0]?.digest.slice(0, 19) ?? "",
        item.registeredAt,
        item.recalled ? "recalled" : item.approvals.filter((approval) => approval.approved).map((approval) => `${approval.environment}${approval.adopted && approval.standing < Math.max(1, approval.required) ? " (adopted, no evidence)" : ""}`).join(", "),
      ]);
      print(options.json, page, page.items.length === 0 ? ["No releases yet. Register one: plumbline release register SERVICE VERSION REFERENCE"] : table([["SERVICE", "VERSION", "DIGEST", "REGISTERED", "MAY RUN IN"], ...rows]));
    });
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf("=");
  if (equals < 1) throw new CliError(`--component wants NAME=SOURCE, not "${pair}".`);
  return [pair.slice(0, equals), pair.slice(equals + 1)];
}

function readMigrations(file: string): RegisterReleaseRequest["migrations"] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as RegisterReleaseRequest["migrations"];
  } catch (error) {
    throw new CliError(`Cannot read migrations from ${file}: ${reasonOf(error)}`);
  }
}
