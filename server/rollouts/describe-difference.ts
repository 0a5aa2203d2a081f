import { z } from "zod";
import { registerReleaseRequest } from "@/lib/contract/releases";
import type { RolloutPreview } from "@/lib/contract/rollouts";
import type { Db, Tx } from "@/server/db";

type Row = { id: string; version: string; settings_digest: string | null; commits: unknown; tickets: string[]; source_url: string | null; migrations: unknown; components: { name: string; repository: string | null }[] | null };
const commitsShape = registerReleaseRequest.shape.commits.unwrap().nullable().catch(null);
const migrationsShape = z.array(z.object({ id: z.string(), kind: z.string() }).loose()).nullable().catch(null);

const MOST_BETWEEN = 20;

/**
 * What lies between two releases of a service: the releases from the older one (left out) to the younger one (included),
 * what they brought, and what differs beside the bytes. Empty where one of the two is nothing.
 */
export async function describeDifference(db: Db | Tx, serviceId: string, fromId: string | null, toId: string | null): Promise<Pick<RolloutPreview, "difference" | "between"> & { migrations: string[] }> {
  const nothing = { difference: [], between: { commits: null, compareUrl: null, releases: [] }, migrations: [] };
  if (fromId === null || toId === null || fromId === toId) return nothing;
  const rows = await db.$queryRaw<Row[]>`
    WITH ends AS (SELECT min(registered_order) AS low, max(registered_order) AS high FROM releases WHERE id IN (${fromId}::uuid, ${toId}::uuid))
    SELECT r.id, r.version, r.settings_digest, r.commits, r.tickets, r.source_url, r.migrations,
      (SELECT jsonb_agg(jsonb_build_object('name', c.name, 'repository', c.repository) ORDER BY c.name) FROM release_components c WHERE c.release_id = r.id) AS components
    FROM releases r, ends WHERE r.service_id = ${serviceId}::uuid AND r.registered_order BETWEEN ends.low AND ends.high ORDER BY r.registered_order DESC`;
  const from = rows.find(({ id }) => id === fromId);
  const to = rows.find(({ id }) => id === toId);
  const older = rows.at(-1);
  const younger = rows[0];
  if (!from || !to || !older || !younger) return nothing;
  const between = rows.filter((row) => row !== older);
  const counts = between.map((row) => commitsShape.parse(row.commits)?.count ?? null);
  return {
    difference: [describeSettings(from, to), ...describeComponents(from, to)],
    between: {
      commits: counts.some((count) => count === null) ? null : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0),
      compareUrl: compareUrl(older, younger),
      releases: between.slice(0, MOST_BETWEEN).map((row) => {
        const commits = commitsShape.parse(row.commits);
        return { version: row.version, head: commits?.head ?? null, commits: commits?.count ?? null, tickets: row.tickets, sourceUrl: row.source_url, migrations: migrationsShape.parse(row.migrations)?.map(({ id, kind }) => `${id} (${kind})`) ?? null };
      }),
    },
    migrations: between.flatMap((row) => migrationsShape.parse(row.migrations)?.map(({ id, kind }) => `${row.version}: ${id} (${kind})`) ?? []),
  };
}

function describeSettings(from: Row, to: Row): string {
  if (from.settings_digest === null || to.settings_digest === null) return "Settings: not declared by both, so nobody can compare them.";
  return from.settings_digest === to.settings_digest ? "Settings: the same in both." : "Settings: they differ. A rollback of the bytes does not bring the old settings back.";
}

function describeComponents(from: Row, to: Row): string[] {
  const before = new Map((from.components ?? []).map(({ name, repository }) => [name, repository]));
  const after = new Map((to.components ?? []).map(({ name, repository }) => [name, repository]));
  const sentences: string[] = [];
  for (const [name, repository] of after) {
    const was = before.get(name);
    if (was === undefined) sentences.push(`Component ${name} is only in ${to.version}.`);
    else if (was !== repository) sentences.push(`Component ${name} comes from ${repository ?? "a file"} (was ${was ?? "a file"}).`);
  }
  for (const name of before.keys()) if (!after.has(name)) sentences.push(`Component ${name} is only in ${from.version}.`);
  return sentences;
}

/** Where the forge shows the difference, if both name a commit and the younger its source. */
function compareUrl(older: Row, younger: Row): string | null {
  const [base, head] = [commitsShape.parse(older.commits)?.head, commitsShape.parse(younger.commits)?.head];
  const repository = /^(https:\/\/[^/]+\/[^/]+\/[^/?#]+?)(?:\.git)?(?:[/?#]|$)/.exec(younger.source_url ?? "")?.[1];
  if (!base || !head || !repository) return null;
  const path = repository.includes("gitlab") ? "-/compare" : "compare";
  return `${repository}/${path}/${encodeURIComponent(base)}...${encodeURIComponent(head)}`;
}
