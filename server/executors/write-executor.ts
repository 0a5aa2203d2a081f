import type { ExecutorConfig } from "@/lib/contract/executors";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import type { Tx } from "@/server/db";
import { AppError, notFound } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { OutboundError } from "@/server/outbound/outbound-error";
import { readUrl } from "@/server/outbound/send-request";
import { readWebhookSecret } from "@/server/outbound/standard-webhook";
import { readExecutor, type Executor } from "./executor-row";

/**
 * The row of an executor, locked, for somebody who may change all that it covers. Who may not is refused alike whether it is
 * there or not. @throws AppError forbidden, not-found (a removed one too, unless `removed` is wanted)
 */
export async function lockExecutor(tx: Tx, ctx: Ctx, id: string, { removed = false } = {}): Promise<Executor> {
  // Not against rows that only name it: a decision that holds the ledger writes such a row.
  await tx.$executeRaw`SELECT FROM executors WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  const executor = await readExecutor(tx, id);
  authorise(ctx, "executors.write", executor ? { service: executor.service_pattern, environment: executor.environment_pattern } : {});
  if (!executor || (executor.removed_at && !removed)) throw notFound("executor");
  return executor;
}

/** @throws AppError conflict when another executor has the name; the index decides between two at once */
export async function claimName(tx: Tx, name: string, own: string | null = null): Promise<void> {
  const [taken] = await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM executors WHERE name = ${name} AND removed_at IS NULL AND id IS DISTINCT FROM ${own}::uuid`;
  if (taken) throw new AppError("conflict", `There is an executor ${name} already.`, { type: "already-exists", fields: [{ path: "name", message: "is taken" }] });
}

/** The entry and the pointer of a change to an executor: what it covers and its host, since a whole address may be a secret. */
export async function recordExecutor(
  tx: Tx,
  ctx: Ctx,
  change: "created" | "changed" | "removed",
  { id, name, service_pattern: service, environment_pattern: environment, config }: Pick<Executor, "id" | "name" | "service_pattern" | "environment_pattern" | "config">,
  more: { secretReplaced?: boolean } = {},
): Promise<{ seq: bigint; at: Date }> {
  await recordChanges(tx, [{ topic: "settings", key: id }]);
  const { host } = new URL(addressOf(config).url);
  return appendEntry(tx, ctx, { type: "executor-changed", scope: { service: null, environment: null }, payload: { executor: id, change, name, kind: config.kind, service, environment, host, ...more } });
}

const addressOf = (config: ExecutorConfig) => (config.kind === "webhook" ? { path: "config.url", url: config.url } : { path: "config.baseUrl", url: config.baseUrl });

/** @throws AppError invalid when it leads nowhere; unprocessable when it holds what looks like a secret, since it is shown */
export function checkAddress(config: ExecutorConfig): void {
  refuseSecrets({ config: JSON.stringify(config) });
  const { path, url } = addressOf(config);
  try {
    readUrl(url);
  } catch (error) {
    if (error instanceof OutboundError) throw new AppError("invalid", error.message, { fields: [{ path, message: error.message }] });
    throw error;
  }
}

/** A secret that somebody gave. @throws AppError invalid when a webhook cannot be signed with it */
export function checkSecret(kind: ExecutorConfig["kind"], given: string): string {
  if (kind !== "webhook" || readWebhookSecret(given)) return given;
  throw new AppError("invalid", "A webhook's secret is whsec_ and the base64 of 24 to 64 bytes. Leave it out, and one is made.", { fields: [{ path: "secret", message: "is not whsec_ and the base64 of 24 to 64 bytes" }] });
}
