import { Command, CommanderError } from "commander";
import { registerAgent } from "./agent/commands";
import { registerProcesses } from "./processes/commands";

/** Each group of commands registers itself; a command throws an Error with a sentence, or sets `process.exitCode`. */
const program = new Command("plumbline").description("what every instance of a fleet really runs, held against an approved release ledger").version("0.1.0");
for (const register of [registerAgent, registerProcesses]) register(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) {
    console.error(`plumbline: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
