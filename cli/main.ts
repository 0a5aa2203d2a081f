import { Command, CommanderError } from "commander";
import { registerAgent } from "./agent/commands";
import { addClientOptions, CliError, EXIT } from "./client";
import { registerAdminCommands } from "./commands/admin";
import { registerAdoptCommand } from "./commands/adopt";
import { registerDeploymentCommands } from "./commands/deployment";
import { registerDoctorCommand } from "./commands/doctor";
import { registerGateCommand } from "./commands/gate";
import { registerJournalCommand } from "./commands/journal";
import { registerLedgerCommands } from "./commands/ledger";
import { registerMappingCommands } from "./commands/mapping";
import { registerPartitionCommands } from "./commands/partition";
import { registerPolicyCommands } from "./commands/policy";
import { registerPoolCommands, registerPreviewCommands } from "./commands/pool";
import { registerReleaseCommands } from "./commands/release";
import { registerRolloutCommands } from "./commands/rollouts/commands";
import { registerServiceCommands } from "./commands/service";
import { registerSimulateCommand } from "./commands/simulate";
import { registerStatusCommand } from "./commands/status";
import { registerProcesses } from "./processes/commands";

/** Each group of commands registers itself; a command throws an Error with a sentence, or a CliError with an exit code too. */
const own = [registerAgent, registerProcesses];
const clients = [
  registerReleaseCommands,
  registerRolloutCommands,
  registerPolicyCommands,
  registerMappingCommands,
  registerServiceCommands,
  registerPartitionCommands,
  registerStatusCommand,
  registerGateCommand,
  registerDeploymentCommands,
  registerAdoptCommand,
  registerDoctorCommand,
  registerJournalCommand,
  registerLedgerCommands,
  registerAdminCommands,
  registerPoolCommands,
  registerPreviewCommands,
  registerSimulateCommand,
];

const program = new Command("plumbline").description("what every instance of a fleet really runs, held against an approved release ledger").version("0.1.0").exitOverride();
for (const register of own) register(program);
const known = program.commands.length;
for (const register of clients) register(program);
for (const command of program.commands.slice(known)) addClientOptions(command);

// Who reads only the first lines of a stream has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // It has said what is wrong itself; asking for help or the version is no error.
    process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  }
  console.error(`plumbline: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof CliError ? error.exitCode : 1;
  // A script that asked for JSON gets what the server said too, as the last line.
  if (error instanceof CliError && error.problem && process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ exit: error.exitCode, problem: error.problem })}\n`);
}
