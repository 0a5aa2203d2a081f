import type { Page } from "@/lib/contract/primitives";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { CliError, EXIT, type Client } from "@/cli/client";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PAGE = 500;

/**
 * The id of a rollout that a person names: its id, its number (`R-12`, `12`), or a service and an environment for the latest
 * there. @throws CliError when there is none
 */
export async function findRollout(client: Client, named: string, environment?: string): Promise<string> {
  if (environment !== undefined) {
    const page = await client.get<Page<RolloutDto>>("rollouts", { service: named, environment, limit: 1 });
    const [latest] = page.items;
    if (!latest) throw new CliError(`There was no rollout of ${named} in ${environment}.`, EXIT.refused);
    return latest.id;
  }
  if (UUID.test(named)) return named.toLowerCase();
  const number = Number(/^(?:R-)?(\d{1,15})$/i.exec(named)?.[1]);
  if (!Number.isInteger(number)) throw new CliError(`${named} names no rollout: give its number (R-12), its id, or a service and an environment.`, EXIT.refused);
  let cursor: string | undefined;
  do {
    const page: Page<RolloutDto> = await client.get("rollouts", { limit: PAGE, cursor });
    const found = page.items.find((rollout) => rollout.number === number);
    if (found) return found.id;
    // Newest first: below it there is nothing to find.
    cursor = page.items.some((rollout) => rollout.number < number) ? undefined : (page.nextCursor ?? undefined);
  } while (cursor !== undefined);
  throw new CliError(`There is no rollout R-${number}, or you may not see it.`, EXIT.refused);
}
