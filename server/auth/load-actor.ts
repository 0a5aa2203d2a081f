import type { RoleInScope } from "@/lib/domain/access/permissions";
import type { Actor } from "@/server/context";
import type { Db, Tx } from "@/server/db";

type Row = { id: string; kind: Actor["kind"]; name: string; person_id: string; roles: RoleInScope[] };

/** An actor with the roles that hold now; null when it is not there, or it or the person behind it is disabled. */
export async function loadActor(db: Db | Tx, id: string): Promise<Actor | null> {
  const [row] = await db.$queryRaw<Row[]>`
    SELECT a.id::text, a.kind, a.display_name AS name, coalesce(a.person_id, a.id)::text AS person_id,
      coalesce((
        SELECT jsonb_agg(jsonb_build_object('role', b.role, 'service', b.service_pattern, 'environment', b.environment_pattern,
          'expiresAt', floor(extract(epoch FROM b.expires_at) * 1000)))
        FROM role_bindings b
        WHERE b.actor_id = a.id AND b.revoked_at IS NULL AND (b.expires_at IS NULL OR b.expires_at > clock_timestamp())), '[]') AS roles
    FROM actors a LEFT JOIN actors p ON p.id = a.person_id
    WHERE a.id = ${id}::uuid AND a.disabled_at IS NULL AND p.disabled_at IS NULL`;
  return row ? { id: row.id, kind: row.kind, name: row.name, personId: row.person_id, roles: row.roles } : null;
}
