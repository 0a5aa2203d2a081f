import type { Command } from "commander";
import type { ClientOptions } from "@/cli/client";
import { readDuration } from "./read-duration";

/** What every command that follows a rollout takes. */
export type FollowFlags = { timeout?: string; waitForPeople: boolean };
/** What every command that starts one takes. */
export type StartFlags = ClientOptions & FollowFlags & { json?: boolean; partition: string; reason?: string; incident?: string; wait?: boolean; idempotencyKey?: string; revision?: string; preview?: boolean; confirm?: string };

const EXIT_CODES = `
Exit codes:
  0    done: verified on what was asked for (without --wait: accepted)
  1    failed, was stopped, was superseded, or rolled itself back
  2    drift (plumbline status)
  3    refused, with every reason and what changed
  4    Plumbline cannot be reached, or did not come back in time
  5    waits for a person (only with --no-wait-for-people): a go-ahead, or a pause
  64   the command, or a file that it names, cannot be understood or read
  124  --timeout is up; the rollout goes on
  130  interrupted (143: terminated); the rollout goes on`;

export function explainExits(command: Command): Command {
  return command.addHelpText("after", EXIT_CODES);
}

export function addFollowOptions(command: Command): Command {
  return explainExits(command)
    .option("--timeout <time>", "stop watching after this time (90s, 10m, 1h); the rollout goes on")
    .option("--no-wait-for-people", "exit 5 instead of waiting for a go-ahead or while it is paused");
}

/** Adds one more to an option that may be given several times. */
export const gather = (value: string, before: string[]): string[] => [...before, value];

/** The options of a command that starts a rollout. `reason` says whether one has to be given; `partitions`, whether it may act on several. */
export function addStartOptions(command: Command, { reason, partitions = false }: { reason: "required" | "optional"; partitions?: boolean }): Command {
  const text = "why; kept beside the ledger entry";
  if (reason === "required") command.option("--reason <text>", `${text} (required, except with --preview)`);
  else command.option("--reason <text>", text);
  if (partitions) command.option("--partition <name>", "only this partition of the environment; repeatable (default: all that are not pinned)", gather, []);
  else command.option("--partition <name>", "a partition of the environment", "default");
  return addFollowOptions(
    command
      .option("--incident <id>", "the incident that it belongs to")
      .option("--wait", "watch it until it is verified or has failed")
      .option("--idempotency-key <key>", "for a job that may be run again: the same key and command act once")
      .option("--revision <token>", "refuse when anything changed since the preview that showed this"),
  );
}

/** Without --timeout: how long (ms) a server may be away before that is the answer. */
export const PATIENCE_MS = 10 * 60_000;
const startedAt = performance.now();

/** When to give up watching, on performance.now()'s clock; counted from the start of the command. */
export function deadlineOf({ timeout }: FollowFlags): number | null {
  return timeout === undefined ? null : startedAt + readDuration(timeout, "--timeout");
}
