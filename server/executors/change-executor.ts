import type { z } from "zod";
import type { changeExecutorRequest, CreatedExecutor, ExecutorConfig } from "@/lib/contract/executors";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { transact } from "@/server/db";
import { AppError } from "@/server/errors";
import { sealSecret } from "@/server/outbound/seal-secret";
import { makeWebhookSecret } from "@/server/outbound/standard-webhook";
import { describeExecutor, sealedFor, type Executor } from "./executor-row";
import { checkAddress, checkSecret, claimName, lockExecutor, recordExecutor } from "./write-executor";

type Told = { at: Date; status: "pending" | "sent" | "failed"; error: string | null };

/**
 * Changes what is named of an executor; what is left out stays. What it was not told yet goes the new way. A rollout that it
 * carries out stays its own, whatever its patterns cover now. The right is needed for what it covered and will cover.
 * @throws AppError forbidden, not-found, invalid (address, secret, another kind), conflict (the name is taken)
 */
export async function changeExecutor({ ctx, input }: { ctx: Ctx; input: z.output<typeof changeExecutorRequest> & { id: string } }): Promise<CreatedExecutor> {
  return transact(ctx.db, async (tx) => {
    const before = await lockExecutor(tx, ctx, input.id);
    const next = { ...before, name: input.name ?? before.name, service_pattern: input.service ?? before.service_pattern, environment_pattern: input.environment ?? before.environment_pattern, config: input.config ?? before.config };
    authorise(ctx, "executors.write", { service: next.service_pattern, environment: next.environment_pattern });
    if (next.config.kind !== before.config.kind) {
      throw new AppError("invalid", `${before.name} is of the kind ${before.config.kind}; make another executor for ${next.config.kind}.`, { fields: [{ path: "config.kind", message: "cannot be changed" }] });
    }
    checkAddress(next.config);
    const secret = chooseSecret(before, { config: next.config, addressed: input.config !== undefined, given: input.secret });
    if (next.name !== before.name) await claimName(tx, next.name, before.id);
    const { seq } = await recordExecutor(tx, ctx, "changed", next, { secretReplaced: secret !== null });
    await tx.$executeRaw`
      UPDATE executors SET name = ${next.name}, service_pattern = ${next.service_pattern}, environment_pattern = ${next.environment_pattern},
        config = ${JSON.stringify(next.config)}::jsonb, entry_seq = ${seq},
        secret = ${secret === null ? before.secret : sealSecret(ctx, secret, sealedFor(before.id))} WHERE id = ${before.id}::uuid`;
    const [told] = await tx.$queryRaw<Told[]>`SELECT created_at AS at, status, last_error AS error FROM deliveries WHERE executor_id = ${before.id}::uuid ORDER BY created_at DESC, id LIMIT 1`;
    return { ...describeExecutor(next, told ? { ...told, at: told.at.toISOString() } : null), secret: next.config.kind === "webhook" ? secret : null };
  });
}

/** The secret from now on; null: as it was. */
function chooseSecret({ config: before }: Executor, { config, addressed, given }: { config: ExecutorConfig; addressed: boolean; given: string | null | undefined }): string | null {
  if (given === null && config.kind === "webhook") return makeWebhookSecret();
  if (given === null) throw new AppError("invalid", "A token is made where it is used; give the new one.", { fields: [{ path: "secret", message: "cannot be made here" }] });
  if (given !== undefined && config.kind !== "webhook" && !addressed) {
    throw new AppError("invalid", "Say with the token where it leads: somebody may have changed that meanwhile.", { fields: [{ path: "config", message: "is needed with a token" }] });
  }
  if (given !== undefined) return checkSecret(config.kind, given);
  // A token is sent along: whoever could lead it to a host of his own would read it there.
  if (config.kind !== "webhook" && before.kind !== "webhook" && new URL(config.baseUrl).origin !== new URL(before.baseUrl).origin) {
    throw new AppError("invalid", "The token is not sent to another host than the one that it was given for. Give one for the new host.", { fields: [{ path: "secret", message: "is needed: the token for the new host" }] });
  }
  return null;
}
