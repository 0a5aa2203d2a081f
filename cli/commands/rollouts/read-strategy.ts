import { readFileSync } from "node:fs";
import { strategySchema } from "@/lib/contract/strategies";
import type { PromoteRequest } from "@/lib/contract/rollouts";
import { CliError, EXIT, reasonOf } from "@/cli/client";

/**
 * `environment`, `all-at-once`, or the strategy in a JSON file, checked as the server will check it.
 * @throws CliError naming each field that is wrong
 */
export function readStrategy(from: string): NonNullable<PromoteRequest["strategy"]> {
  if (from === "environment" || from === "all-at-once") return from;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(from, "utf8"));
  } catch (error) {
    throw new CliError(`Cannot read a strategy from ${from}: ${reasonOf(error)}. --strategy wants environment, all-at-once, or a JSON file.`);
  }
  const checked = strategySchema.safeParse(value);
  if (!checked.success) throw new CliError([`${from} is no strategy:`, ...checked.error.issues.map(({ path, message }) => `  ${path.map(String).join(".") || "it"}: ${message}`)].join("\n"), EXIT.refused);
  return checked.data;
}
