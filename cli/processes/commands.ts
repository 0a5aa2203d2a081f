import type { Command } from "commander";
import { resolve } from "node:path";
import { listProcesses } from "./list-processes";
import { addRelease, isAlive, listTargets, readStarted } from "./process-store";
import { replaceProcess, startProcess, stopProcess } from "./run-process";

interface RootOption {
  root: string;
}

/** `plumbline processes …`: plain processes from `releases/<digest>/run`, for the agent's exec runtime. */
export function registerProcesses(program: Command): void {
  const group = program.command("processes").description("run plain processes from releases/<digest>/run, for `agent run --runtime exec`");
  const command = (text: string, description: string) => group.command(text).description(description).requiredOption("--root <dir>", "folder with releases/ and targets/");

  command("list", "print what runs, one JSON line per target").action((options: RootOption) => {
    for (const line of listProcesses(resolve(options.root))) console.log(line);
  });
  command("add <file>", "copy an executable to releases/ under its own SHA-256, and print that digest").action((file: string, options: RootOption) => {
    console.log(addRelease(resolve(options.root), file));
  });
  command("start [digest]", "start a target from a release (default: the one that it ran last); without --target, every target that ran before")
    .option("--target <name>", "one target")
    .action(async (digest: string | undefined, options: RootOption & { target?: string }) => {
      const root = resolve(options.root);
      const names = options.target === undefined ? listTargets(root) : [options.target];
      for (const name of names) {
        const before = readStarted(root, name);
        if (before && isAlive(before)) throw new Error(`${name} runs already (pid ${before.pid})`);
        const wanted = digest ?? before?.digest;
        if (wanted === undefined) {
          if (options.target !== undefined) throw new Error(`${name} never ran: name a digest`);
          continue;
        }
        const started = await startProcess(root, name, wanted);
        console.log(`${name} ${started.digest} pid ${started.pid}`);
      }
    });
  command("stop", "end a target's process, or all of them")
    .option("--target <name>", "one target")
    .action(async (options: RootOption & { target?: string }) => {
      const root = resolve(options.root);
      for (const name of options.target === undefined ? listTargets(root) : [options.target]) await stopProcess(root, name);
    });
  command("replace", "bring a target to a digest; the old process is put back when the new one ends at once")
    .option("--target <name>", "default: PLUMBLINE_TARGET")
    .option("--digest <digest>", "default: PLUMBLINE_DIGEST; empty stops the target")
    .action(async (options: RootOption & { target?: string; digest?: string }) => {
      const target = options.target ?? process.env.PLUMBLINE_TARGET;
      const digest = options.digest ?? process.env.PLUMBLINE_DIGEST;
      if (!target || digest === undefined) throw new Error("name a target and a digest, as options or as PLUMBLINE_TARGET and PLUMBLINE_DIGEST");
      await replaceProcess(resolve(options.root), target, digest);
    });
}
