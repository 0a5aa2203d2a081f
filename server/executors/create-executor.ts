import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { CreatedExecutor, ExecutorConfig, createExecutorRequest } from "@/lib/contract/executors";
import { authorise } from "@/server/access/authorise";
import { recordChanges } from "@/server/changes/record-change";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { appendEntry } from "@/server/ledger/append-entry";
import { refuseSecrets } from "@/server/ledger/refuse-secrets";
import { OutboundError } from "@/server/outbound/outbound-error";
import { sealSecret } from "@/server/outbound/seal-secret";
import { readUrl } from "@/server/outbound/send-request";
import { makeWebhookSecret, readWebhookSecret } from "@/server/outbound/standard-webhook";
import { describeExecutor, sealedFor } from "./executor-row";

/**
 * Names what carries rollouts out in place of the agents, where its patterns say. The secret is sealed; a webhook's own is in
 * the answer and nowhere else.
 * @throws AppError forbidden, invalid (address, secret), conflict (the name is taken)
 */
export async function createExecutor({ ctx, input }: { ctx: Ctx; input: z.output<typeof createExecutorRequest> }): Promise<CreatedExecutor> {
  const { name, service, environment, config } = input;
  authorise(ctx, "executors.write", { service, environment });
  const host = checkAddress(config);
  const secret = chooseSecret(config.kind, input.secret);
  refuseSecrets({ config: JSON.stringify(config) });
  const id = randomUUID();
  return transact(ctx.db, async (tx) => {
    const [taken] = await tx.$queryRaw<{ id: string }[]>`SELECT id::text FROM executors WHERE name = ${name} AND removed_at IS NULL`;
    if (taken) throw new AppError("conflict", `There is an executor ${name} already.`, { type: "already-exists", fields: [{ path: "name", message: "is taken" }] });
    await recordChanges(tx, [{ topic: "settings", key: id }]);
    const { seq, at } = await appendEntry(tx, ctx, {
      type: "executor-changed",
      scope: { service: null, environment: null },
      payload: { executor: id, change: "created", name, kind: config.kind, service, environment, host },
    });
    await tx.$executeRaw`
      INSERT INTO executors (id, name, kind, service_pattern, environment_pattern, config, secret, actor_id, entry_seq, created_at)
      VALUES (${id}::uuid, ${name}, ${config.kind}, ${service}, ${environment}, ${JSON.stringify(config)}::jsonb, ${sealSecret(ctx, secret, sealedFor(id))}, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    const row = { id, name, service_pattern: service, environment_pattern: environment, config, created_by: ctx.actor.name, created_at: at, removed_at: null };
    return { ...describeExecutor(row), secret: config.kind === "webhook" ? secret : null };
  });
}

/** The host that it leads to: what the ledger keeps of an address, whose path may itself be a secret. */
function checkAddress(config: ExecutorConfig): string {
  const [path, url] = config.kind === "webhook" ? ["config.url", config.url] : ["config.baseUrl", config.baseUrl];
  try {
    return readUrl(url).host;
  } catch (error) {
    if (error instanceof OutboundError) throw new AppError("invalid", error.message, { fields: [{ path, message: error.message }] });
    throw error;
  }
}

function chooseSecret(kind: ExecutorConfig["kind"], given: string | undefined): string {
  if (kind === "webhook") {
    if (given === undefined) return makeWebhookSecret();
    if (readWebhookSecret(given)) return given;
    throw new AppError("invalid", "A webhook's secret is whsec_ and the base64 of 24 to 64 bytes. Leave it out, and one is made.", { fields: [{ path: "secret", message: "is not whsec_ and the base64 of 24 to 64 bytes" }] });
  }
  if (given !== undefined) return given;
  throw new AppError("invalid", `An executor of kind ${kind} needs the token that may dispatch.`, { fields: [{ path: "secret", message: "is needed: the token that may dispatch" }] });
}
