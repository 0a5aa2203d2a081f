import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Command } from "commander";
import type { CheckpointDto } from "@/lib/contract/ledger";
import { createLogVerifier, type LogVerifier } from "@/lib/domain/ledger/verify-log";
import { CliError, createClient, EXIT, reasonOf, type ClientOptions } from "@/cli/client";
import { print } from "@/cli/output";
import { sha256ByPlatform } from "@/cli/platform-crypto";

/** `plumbline ledger verify|export|key`: for auditors; `verify` needs no server. */
export function registerLedgerCommands(program: Command): void {
  const ledger = program.command("ledger").description("Export the ledger and verify it offline");

  ledger
    .command("verify")
    .description("Recompute every hash and check the signature; exit 1 names the first bad index")
    .argument("<file>", "an export, or - for standard input")
    .requiredOption("--vkey <key>", "the verification key, as printed by `plumbline ledger key`")
    .option("--checkpoint <file>", "a checkpoint kept from an earlier visit: the log must contain it")
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<{ json?: boolean; vkey: string; checkpoint?: string }>();
      const verifier = openVerifier(options.vkey, options.checkpoint);
      const input = file === "-" ? process.stdin : createReadStream(file);
      let lineNumber = 0;
      try {
        for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
          lineNumber += 1;
          if (text.trim() !== "") verifier.line(parseLine(text, lineNumber));
        }
      } catch (error) {
        throw error instanceof CliError ? error : new CliError(`Cannot read ${file}: ${reasonOf(error)}`);
      }
      const verdict = verifier.finish();
      const where = verdict.firstBadIndex === undefined ? "" : ` First bad index: ${verdict.firstBadIndex}.`;
      print(options.json, verdict, verdict.ok
        ? [`The ledger verifies: ${verdict.size} entries, root ${verdict.root}${verdict.withheld > 0 ? `; of ${verdict.withheld} only the leaf hash was shown` : ""}.`]
        : [`The ledger does NOT verify: ${verdict.problem ?? "unknown problem"}.${where}`]);
      if (!verdict.ok) process.exitCode = EXIT.failed;
    });

  ledger
    .command("export")
    .description("Every entry as NDJSON, the signed checkpoint last, to standard output")
    .action(async (_options: unknown, command: Command) => {
      const response = await createClient(command.optsWithGlobals<ClientOptions>()).open("ledger/export");
      if (!response.body) throw new CliError("The server sent nothing.", EXIT.failed);
      for await (const chunk of Readable.fromWeb(response.body as import("node:stream/web").ReadableStream)) {
        if (!process.stdout.write(chunk)) await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
      }
    });

  ledger
    .command("key")
    .description("The verification key of this server's ledger, and its newest checkpoint")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean }>();
      const checkpoint = await createClient(options).get<CheckpointDto>("ledger/checkpoint");
      print(options.json, checkpoint, [checkpoint.vkey, "", checkpoint.note.trimEnd()]);
    });
}

function openVerifier(vkey: string, checkpointFile: string | undefined): LogVerifier {
  try {
    return createLogVerifier({ vkey, sha256: sha256ByPlatform, ...(checkpointFile === undefined ? {} : { previousCheckpoint: readFileSync(checkpointFile, "utf8") }) });
  } catch (error) {
    throw new CliError(`Cannot verify with this key or checkpoint: ${reasonOf(error)}`, EXIT.failed);
  }
}

function parseLine(text: string, lineNumber: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CliError(`Line ${lineNumber} of the export is not JSON.`, EXIT.failed);
  }
}
