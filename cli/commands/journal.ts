import type { Command } from "commander";
import type { JournalItem } from "@/lib/contract/journal";
import type { Page } from "@/lib/contract/primitives";
import { createClient, type ClientOptions } from "@/cli/client";
import { print } from "@/cli/output";
import { describeLag } from "@/lib/domain/fleet/journal";
import { readDuration } from "./rollouts/read-duration";

/** `plumbline journal`: what happened at a place, the newest last, as a terminal shows it best. */
export function registerJournalCommand(program: Command): void {
  program
    .command("journal")
    .description("What happened there: restarts, exits, commands run inside, decisions, rollouts, silences, with what was learned later")
    .argument("<service>")
    .argument("<environment>")
    .option("--since <duration>", "how far back, such as 30m or 24h", "1h")
    .option("--known-at <time>", "only what had been learned by then (RFC 3339)")
    .option("--limit <lines>", "at most so many of the newest", "200")
    .action(async (service: string, environment: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ClientOptions & { json?: boolean; since: string; knownAt?: string; limit: string }>();
      const from = new Date(Date.now() - readDuration(options.since, "--since")).toISOString();
      const page = await createClient(options).get<Page<JournalItem>>("journal", { service, environment, from, knownAt: options.knownAt, limit: options.limit });
      print(options.json, page, describeJournal(page, options.since));
    });
}

/** Lines for people, the newest last; a day is named where it begins. */
export function describeJournal(page: Page<JournalItem>, since: string): string[] {
  if (page.items.length === 0) return [`Nothing happened there within ${since}.`];
  let day = "";
  const lines = page.items.toReversed().flatMap((item) => {
    const today = item.at.slice(0, 10);
    const head = today === day ? [] : [`${today} UTC`];
    day = today;
    return [...head, `${item.at.slice(11, 19)}  ${describeItem(item)}`];
  });
  return page.nextCursor === null ? lines : [`(older lines are left out: --limit, or a shorter --since)`, ...lines];
}

function describeItem({ at, subject, sentence, source, learnedAt, learnedLater }: JournalItem): string {
  const name = subject === null || source === "silence" ? null : [shortKey(subject.instance) ?? subject.target, subject.agent].filter(Boolean).join(" on ");
  const later = learnedLater && source !== "gap" ? `, learned ${describeLag(Date.parse(learnedAt) - Date.parse(at))} later` : "";
  return `${name ? `${name}: ` : ""}${sentence}${later}`;
}

/** A container's id is recognised by its first twelve digits. */
function shortKey(key: string | null): string | null {
  return key !== null && /^[0-9a-f]{64}$/.test(key) ? key.slice(0, 12) : key;
}
