import type { HookDto } from "@/lib/contract/hooks";
import type { App } from "@/server/context";

export type HookRow = { id: string; name: string; kind: "github"; service_pattern: string; environment_pattern: string; created_by: string; created_at: Date; last_called_at: Date | null; removed_at: Date | null };

/** Where its secret belongs: sealed bytes open nowhere else. */
export function sealedFor(hookId: string): string {
  return `hook:${hookId}`;
}

/** As it is shown: everything but the secret. */
export function describeHook({ config }: Pick<App, "config">, hook: HookRow): HookDto {
  return {
    id: hook.id,
    name: hook.name,
    kind: hook.kind,
    service: hook.service_pattern,
    environment: hook.environment_pattern,
    url: `${config.url}/api/v1/hooks/${hook.kind}/${hook.id}`,
    createdBy: hook.created_by,
    createdAt: hook.created_at.toISOString(),
    lastCalledAt: hook.last_called_at?.toISOString() ?? null,
  };
}
