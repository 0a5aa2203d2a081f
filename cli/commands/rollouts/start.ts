import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { GroupDto, RolloutDetail, RolloutDto, RolloutPreview } from "@/lib/contract/rollouts";
import { CliError, EXIT, type Client } from "@/cli/client";
import { print } from "@/cli/output";
import { standingOf, standingOfGroup } from "./decide-exit";
import { follow } from "./follow";
import { deadlineOf, PATIENCE_MS, type FollowFlags, type StartFlags } from "./options";
import { groupLine, rolloutLine } from "./progress-line";
import { renderPreview } from "./render-preview";
import { renderGroup, renderProgress, titleOf } from "./render-progress";
import { openView } from "./views";

const RETRY_MS = 1_000;

/** Without an empty value: absent is what the contract knows. */
export function given<T extends Record<string, unknown>>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Prints what would happen; exit 3 when it may not. */
export async function showPreview(client: Client, query: Record<string, string | undefined>, json: boolean | undefined): Promise<void> {
  const preview = await client.get<RolloutPreview>("rollouts/preview", query);
  print(json, preview, renderPreview(preview));
  if (!preview.allowed) process.exitCode = EXIT.refused;
}

/** The reason that a person must give. @throws CliError when there is none */
export function requireReason({ reason }: Pick<StartFlags, "reason">): string {
  if (!reason) throw new CliError("Say why: --reason TEXT. It is kept beside the ledger entry.");
  return reason;
}

/**
 * What cannot be taken back is confirmed by typing a name. @throws CliError (exit 3) when another name was typed, or none
 * @param what what is confirmed, for the sentence
 */
export function requireConfirmation(typed: string | undefined, expected: string, what: string): string {
  if (typed !== expected) throw new CliError(`${what} Confirm it: --confirm ${expected}${typed === undefined ? "" : ` (not "${typed}")`}`, EXIT.refused);
  return typed;
}

/** Starts one rollout, and follows it when asked to. */
export async function startRollout(client: Client, path: string, body: object, flags: GroupFlags): Promise<void> {
  const deadline = deadlineOf(flags);
  const started = await post<RolloutDto>(client, path, body, flags, deadline);
  if (flags.wait) return followRollout(client, started, flags, deadline);
  print(flags.json, started, [`${titleOf(started)}, ledger entry ${started.entry}`, `  ${client.url}/rollouts/${started.id}`, `  plumbline rollout watch R-${started.number}`]);
}

type GroupBody = { places: readonly { partition?: string | undefined }[]; [field: string]: unknown };
/** Where it acts is in the request. */
type GroupFlags = Omit<StartFlags, "partition">;

/** Starts several at once, and follows them when asked to. */
export async function startGroup(client: Client, body: GroupBody, flags: GroupFlags): Promise<void> {
  const deadline = deadlineOf(flags);
  const started = await post<GroupDto>(client, "rollout-groups", body, flags, deadline);
  // Of one service's partitions, what nobody asked for is not missing.
  const missing = started.service === null ? started.skipped : started.skipped.filter((place) => body.places.some((asked) => asked.partition === place.partition));
  if (flags.wait) {
    process.exitCode = await follow({
      load: (signal) => client.get<GroupDto>(`rollout-groups/${started.id}`, {}, signal),
      standingOf: (group) => standingOfGroup(group.rollouts, missing.length),
      view: openView({ render: renderGroup, line: groupLine }, { json: flags.json === true, about: { group: started.id } }),
      options: { deadline, waitForPeople: flags.waitForPeople },
      name: "what was started",
    });
    return;
  }
  print(flags.json, started, [started.summary, ...started.rollouts.map((rollout) => `  ${titleOf(rollout)}, ledger entry ${rollout.entry}`), ...missing.map((place) => `  not started: ${place.service} in ${place.environment}: ${place.sentences.join(" ")}`)]);
  if (missing.length > 0) process.exitCode = EXIT.failed;
}

/** Watches a rollout until it is over; sets the exit code. */
export async function followRollout(client: Client, { id, number }: Pick<RolloutDto, "id" | "number">, flags: FollowFlags & { json?: boolean }, deadline: number | null): Promise<void> {
  process.exitCode = await follow({
    load: (signal) => client.get<RolloutDetail>(`rollouts/${id}`, {}, signal),
    standingOf,
    view: openView({ render: renderProgress, line: rolloutLine }, { json: flags.json === true, about: { rollout: id, number } }),
    options: { deadline, waitForPeople: flags.waitForPeople },
    name: `R-${number}`,
  });
}

/**
 * Sends a decision under one key. Who waits for the end also waits for a server that is away: the key keeps it from being
 * decided twice. @throws CliError with the key when nobody knows whether the server took it
 */
async function post<T>(client: Client, path: string, body: object, flags: GroupFlags, deadline: number | null): Promise<T> {
  const idempotencyKey = flags.idempotencyKey ?? randomUUID();
  const until = deadline ?? performance.now() + PATIENCE_MS;
  let said = false;
  for (;;) {
    try {
      return await client.post<T>(path, body, { idempotencyKey });
    } catch (error) {
      if (!(error instanceof CliError) || !isPassing(error)) throw error;
      if (!flags.wait || performance.now() >= until) {
        throw new CliError(`${error.message}\nWhether it was started is not known. The same command with --idempotency-key ${idempotencyKey} acts once.`, EXIT.unreachable, error.problem);
      }
      if (!said) process.stderr.write(`${error.message}\nTrying again under the same key …\n`);
      said = true;
      await sleep(Math.max(0, Math.min(RETRY_MS, until - performance.now())));
    }
  }
}

/** No answer, or one that says that the same request is still being carried out. */
function isPassing(error: CliError): boolean {
  return error.exitCode === EXIT.unreachable || error.problem?.type === "/problems/in-progress";
}
