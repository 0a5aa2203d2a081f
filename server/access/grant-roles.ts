import type { Role } from "@/lib/domain/access/roles";
import type { Tx } from "@/server/db";

export type GrantedRole = { role: Role; service: string; environment: string };

/** Writes the roles that the entry `seq` gives; `expiresAt` null for ever. */
export async function grantRoles(tx: Tx, { actorId, roles, seq, expiresAt }: { actorId: string; roles: readonly GrantedRole[]; seq: bigint; expiresAt: Date | null }): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO role_bindings (actor_id, role, service_pattern, environment_pattern, entry_seq, expires_at)
    SELECT ${actorId}::uuid, role, service, environment, ${seq}, ${expiresAt}
    FROM unnest(${roles.map(({ role }) => role)}::text[], ${roles.map(({ service }) => service)}::text[], ${roles.map(({ environment }) => environment)}::text[]) r(role, service, environment)`;
}
