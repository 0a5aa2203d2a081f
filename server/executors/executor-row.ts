import { executorConfig, type ExecutorConfig, type ExecutorDto } from "@/lib/contract/executors";
import type { App } from "@/server/context";
import type { Db, Tx } from "@/server/db";
import { openSecret } from "@/server/outbound/seal-secret";

export type ExecutorRow = { id: string; name: string; service_pattern: string; environment_pattern: string; config: unknown; secret: Uint8Array | null; created_by: string; created_at: Date; removed_at: Date | null };
export type Executor = Omit<ExecutorRow, "config"> & { config: ExecutorConfig };

/** One executor, removed or not; null when there never was one. */
export async function readExecutor(db: Db | Tx, id: string): Promise<Executor | null> {
  const [row] = await db.$queryRaw<ExecutorRow[]>`
    SELECT x.id::text, x.name::text, x.service_pattern, x.environment_pattern, x.config, x.secret, a.display_name AS created_by, x.created_at, x.removed_at
    FROM executors x JOIN actors a ON a.id = x.actor_id WHERE x.id = ${id}::uuid`;
  return row ? { ...row, config: executorConfig.parse(row.config) } : null;
}

/** Where its secret belongs: sealed bytes open nowhere else. */
export function sealedFor(executorId: string): string {
  return `executor:${executorId}`;
}

/** The secret in clear. @throws UnsealError; Error when it was removed with its secret */
export function secretOf(app: Pick<App, "keys">, { id, name, secret }: Pick<Executor, "id" | "name" | "secret">): string {
  if (!secret) throw new Error(`the executor ${name} has no secret`);
  return openSecret(app, secret, sealedFor(id));
}

/** As it is shown: everything but the secret. */
export function describeExecutor(executor: Omit<Executor, "secret">, last: ExecutorDto["last"] = null): ExecutorDto {
  return { id: executor.id, name: executor.name, service: executor.service_pattern, environment: executor.environment_pattern, config: executor.config, createdBy: executor.created_by, createdAt: executor.created_at.toISOString(), last };
}
