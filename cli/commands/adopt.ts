import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import type { AdoptionPreview, AdoptionReceipt } from "@/lib/contract/adoption";
import { shortDigest } from "@/lib/domain/fleet/digests";
import { CliError, createClient, EXIT, type ClientOptions } from "@/cli/client";
import { print, table } from "@/cli/output";
import { plainText } from "./rollouts/terminal-text";

type Options = ClientOptions & { json?: boolean; environment?: string; service?: string; dryRun?: boolean; yes?: boolean; revision?: string; reason?: string; idempotencyKey?: string };

/** How many lines of each list are printed for people. */
const MOST_LINES = 200;

/** `plumbline adopt`: what runs becomes releases, approvals and assignments, by one decision, without touching a host. */
export function registerAdoptCommand(program: Command): void {
  program
    .command("adopt")
    .description("Take what runs without a decision as it is: releases, approvals and assignments by one ledger entry. No host is told to do anything")
    .option("--environment <name>", "this environment only")
    .option("--service <name>", "this service only")
    .option("--dry-run", "print what would be assigned and what left out, and change nothing; exit 3 when it would be refused")
    .option("--yes", "do not ask; needed where nobody sits at a terminal")
    .option("--revision <token>", "from --dry-run --json: refuse when the fleet moved since, and say where")
    .option("--reason <text>", "why; goes beside the ledger entry")
    .option("--idempotency-key <key>", "a job that is run again adopts once")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      const client = createClient(options);
      const scope = { environment: options.environment, service: options.service };
      const preview = await client.get<AdoptionPreview>("adoption", { ...scope, limit: options.json ? 1_000 : MOST_LINES });
      if (options.dryRun) {
        print(options.json, preview, describeAdoption(preview));
        if (preview.refusal) process.exitCode = EXIT.refused;
        return;
      }
      if (preview.refusal) throw new CliError(preview.refusal, EXIT.refused);
      if (!options.yes) {
        if (options.json || !process.stdin.isTTY || !process.stdout.isTTY) throw new CliError("Nobody is here to confirm it: look at it with --dry-run, then say --yes.", EXIT.refused);
        print(false, preview, describeAdoption(preview));
        if (!(await confirm(`Adopt ${nameServices(preview)}?`))) throw new CliError("Nothing was adopted.", EXIT.refused);
      }
      const body = { ...scope, revision: options.revision ?? preview.revision, reason: options.reason };
      const receipt = await client.post<AdoptionReceipt>("adoption", body, { idempotencyKey: options.idempotencyKey ?? randomUUID() });
      print(options.json, receipt, describeReceipt(receipt));
    });
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function nameServices({ totals }: AdoptionPreview): string {
  return `${count(totals.services, "service")} (${count(totals.instances, "instance")})`;
}

function placeOf({ environment, partition }: { environment: string; partition: string }): string {
  return partition === "default" ? environment : `${environment}/${partition}`;
}

/** What would be done, in lines for people: what is left out first, as the server sorts it. */
export function describeAdoption(preview: AdoptionPreview): string[] {
  const { totals, places, leftOut } = preview;
  const lines: string[] = [];
  if (leftOut.length > 0) {
    lines.push(`Left out: ${count(totals.leftOutInstances, "instance")}`, ...table([["SERVICE", "PLACE", "DIGEST", "INSTANCES", "WHY"], ...leftOut.map((one) => [one.service ?? "-", placeOf(one), one.digest === null ? "-" : shortDigest(one.digest), `${one.instances}`, one.sentence])]));
    if (totals.leftOut > leftOut.length) lines.push(`… and ${count(totals.leftOut - leftOut.length, "more kind")} of copies`);
    lines.push("");
  }
  if (places.length > 0) {
    lines.push(`Assigned as it runs: ${nameServices(preview)}`);
    lines.push(
      ...table([
        ["SERVICE", "PLACE", "RELEASE", "DIGEST", "INSTANCES", ""],
        ...places.map((place) => [place.service, placeOf(place), plainText(place.version), place.components.map(({ digest }) => shortDigest(digest)).join(" "), `${place.instances}`, [place.registered ? "registered" : "new, no evidence", ...(place.leftOut > 0 ? [`${place.leftOut} left out`] : [])].join(", ")]),
      ]),
    );
    if (totals.places > places.length) lines.push(`… and ${count(totals.places - places.length, "more place")}`);
  }
  if (preview.elsewhere > 0) lines.push(`${count(preview.elsewhere, "instance")} of these services in other environments will be findings until they are adopted too.`);
  lines.push(...(preview.refusal === null ? [`${count(totals.releases, "release")} at ${count(totals.places, "place")}, by one ledger entry. No host is told to do anything.`] : [preview.refusal]));
  return lines;
}

function describeReceipt(receipt: AdoptionReceipt): string[] {
  return [
    `Adopted: ${count(receipt.services, "service")}, ${count(receipt.releases, "release")} at ${count(receipt.places, "place")}, ${count(receipt.instances, "instance")}, ledger entry ${receipt.entry}`,
    ...(receipt.leftOut > 0 ? [`  left out: ${count(receipt.leftOut, "instance")}; the entry says why`] : []),
  ];
}
