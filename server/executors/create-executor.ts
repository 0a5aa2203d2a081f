import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { CreatedExecutor, ExecutorConfig, createExecutorRequest } from "@/lib/contract/executors";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { sealSecret } from "@/server/outbound/seal-secret";
import { makeWebhookSecret } from "@/server/outbound/standard-webhook";
import { describeExecutor, sealedFor } from "./executor-row";
import { checkAddress, checkSecret, claimName, recordExecutor } from "./write-executor";

/**
 * Names what carries rollouts out in place of the agents, where its patterns say. The secret is sealed; a webhook's own is in
 * the answer and nowhere else.
 * @throws AppError forbidden, invalid (address, secret), conflict (the name is taken)
 */
export async function createExecutor({ ctx, input }: { ctx: Ctx; input: z.output<typeof createExecutorRequest> }): Promise<CreatedExecutor> {
  const { name, service, environment, config } = input;
  authorise(ctx, "executors.write", { service, environment });
  checkAddress(config);
  const secret = chooseSecret(config.kind, input.secret);
  const row = { id: randomUUID(), name, service_pattern: service, environment_pattern: environment, config };
  return transact(ctx.db, async (tx) => {
    await claimName(tx, name);
    const { seq, at } = await recordExecutor(tx, ctx, "created", row);
    await tx.$executeRaw`
      INSERT INTO executors (id, name, kind, service_pattern, environment_pattern, config, secret, actor_id, entry_seq, created_at)
      VALUES (${row.id}::uuid, ${name}, ${config.kind}, ${service}, ${environment}, ${JSON.stringify(config)}::jsonb, ${sealSecret(ctx, secret, sealedFor(row.id))}, ${ctx.actor.id}::uuid, ${seq}, ${at})`;
    return { ...describeExecutor({ ...row, created_by: ctx.actor.name, created_at: at, removed_at: null }), secret: config.kind === "webhook" ? secret : null };
  });
}

function chooseSecret(kind: ExecutorConfig["kind"], given: string | undefined): string {
  if (given !== undefined) return checkSecret(kind, given);
  if (kind === "webhook") return makeWebhookSecret();
  throw new AppError("invalid", `An executor of kind ${kind} needs the token that may dispatch.`, { fields: [{ path: "secret", message: "is needed: the token that may dispatch" }] });
}
