import type { z } from "zod";
import type { journalQuery } from "@/lib/contract/journal";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";

/** What a journal is about: a place, or one instance of it. */
export type JournalSubject = {
  service: string | null;
  serviceId: string | null;
  environment: string;
  environmentId: string;
  /** Only what is about this instance, its target and its agent. */
  instance: { id: string; key: string; targetId: bigint } | null;
};

type InstanceRow = { key: string; target_id: bigint; service: string | null; service_id: string | null; environment: string; environment_id: string };

/** @throws AppError forbidden; not-found for an instance that is not there, or may not be seen */
export async function findSubject(ctx: Ctx, { service, environment, instance }: Pick<z.output<typeof journalQuery>, "service" | "environment" | "instance">): Promise<JournalSubject> {
  if (instance === undefined) return findPlace(ctx, service ?? "", environment ?? "");
  authorise(ctx, "instances.read");
  const [row] = await ctx.db.$queryRaw<InstanceRow[]>`
    SELECT x.key, x.target_id, x.service, s.id::text AS service_id, e.name::text AS environment, e.id::text AS environment_id FROM (
      SELECT i.key, i.target_id, c.service_name AS service, c.environment_id, now() AS at FROM instances i JOIN combinations c ON c.id = i.combination_id WHERE i.public_id = ${instance}::uuid
      UNION ALL
      (SELECT p.instance_key, p.target_id, nullif(p.service_name, ''), p.environment_id, p.ended_at FROM spans p WHERE p.instance_id = ${instance}::uuid ORDER BY p.ended_at DESC LIMIT 1)) x
    JOIN environments e ON e.id = x.environment_id LEFT JOIN services s ON s.name = x.service ORDER BY x.at DESC LIMIT 1`;
  if (!row || !visibleTo(ctx, "instances.read", { ...(row.service !== null && { service: row.service }), environment: row.environment })) throw notFound("instance");
  return { service: row.service, serviceId: row.service_id, environment: row.environment, environmentId: row.environment_id, instance: { id: instance, key: row.key, targetId: row.target_id } };
}

async function findPlace(ctx: Ctx, service: string, environment: string): Promise<JournalSubject> {
  authorise(ctx, "instances.read", { service, environment });
  const [row] = await ctx.db.$queryRaw<{ id: string | null; name: string | null; environment_id: string | null }[]>`
    SELECT s.id::text, s.name::text, (SELECT e.id::text FROM environments e WHERE e.name = ${environment}) AS environment_id FROM (SELECT) one
    LEFT JOIN services s ON s.name = ${service} OR s.id = (SELECT service_id FROM service_aliases WHERE name = ${service})`;
  if (!row?.environment_id) throw notFound("environment");
  const name = row.name ?? service;
  // An alias may lead to a service that the actor may not see.
  authorise(ctx, "instances.read", { service: name, environment });
  return { service: name, serviceId: row.id, environment, environmentId: row.environment_id, instance: null };
}
