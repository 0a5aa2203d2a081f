import type { ServiceDto } from "@/lib/contract/fleet";
import { rankCategory, severityOf, type DriftCategory } from "@/lib/domain/drift/categories";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { authorise, authoriseOwnName, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { externalSql } from "@/server/authority/authority-sql";
import { loadPins, refOfPin } from "@/server/policies/list-pins";
import { pinnedSql } from "@/server/policies/pin-sql";
import { digestOfImage, environmentDtoOf, readEnvironments, readImages, readReleases, refOf } from "./read-references";
import { readRuns } from "./read-runs";

type PlaceRow = {
  environment_id: string; partition: string; release_id: string | null; entry_seq: bigint | null; revision: bigint | null; updated_at: Date | null; external: boolean; assigned_by: string | null;
  selector: Record<string, string>; pin_id: string | null;
  hold_entry: bigint | null; hold_release_id: string | null; hold_at: Date | null; hold_by: string | null;
  rollout_id: string | null; number: bigint | null; kind: RolloutKind | null; verified: number | null; total: number | null;
};
type RunningRow = { environment_id: string; partition: string; running_release_id: string | null; image_id: bigint; worst: DriftCategory; silent: boolean; instances: number; unhealthy: number; oldest: Date };
type Running = ServiceDto["environments"][number]["running"][number];

const MOST_HISTORY = 200;

/** One service everywhere: what is assigned, what runs, who decided it. @throws AppError forbidden; not-found, also when nothing of it may be seen */
export async function getService({ ctx, input }: { ctx: Ctx; input: { service: string } }): Promise<ServiceDto> {
  authorise(ctx, "fleet.read", { service: input.service });
  const { db } = ctx;
  const [known] = await db.$queryRaw<{ id: string; name: string; owner_team: string | null; aliases: string[]; added: string[] }[]>`
    SELECT id::text, name::text, owner_team, ARRAY(SELECT a.name::text FROM service_aliases a WHERE a.service_id = services.id ORDER BY 1) AS aliases,
      ARRAY(SELECT a.name::text FROM service_aliases a WHERE a.service_id = services.id AND NOT a.former ORDER BY 1) AS added
    FROM services WHERE name = ${input.service} OR id = (SELECT service_id FROM service_aliases WHERE name = ${input.service}) LIMIT 1`;
  const name = known?.name ?? input.service;
  authoriseOwnName({ ctx, verb: "fleet.read" }, { service: input.service }, name);
  const serviceId = known?.id ?? null;
  const environments = (await readEnvironments(db)).filter((environment) => visibleTo(ctx, "fleet.read", { service: name, environment: environment.name }));
  const environmentIds = environments.map(({ id }) => id);
  const [places, running, history, runs] = await Promise.all([
    db.$queryRaw<PlaceRow[]>`
      SELECT p.environment_id::text, p.name::text AS partition, a.release_id::text, a.entry_seq, a.revision, a.updated_at, ${externalSql("p.service_id", "p.environment_id", "p.name")} AS external, coalesce(by.display_name, 'Plumbline') AS assigned_by,
        p.selector, n.id::text AS pin_id, h.entry_seq AS hold_entry, h.release_id::text AS hold_release_id, h.created_at AS hold_at, hb.display_name AS hold_by, r.id::text AS rollout_id, r.number, r.kind, t.verified, t.total
      FROM partitions p
      LEFT JOIN assignments a ON a.service_id = p.service_id AND a.environment_id = p.environment_id AND a.partition = p.name
      LEFT JOIN ledger_entries l ON l.seq = a.entry_seq LEFT JOIN actors by ON by.id = l.actor_id
      LEFT JOIN holds h ON h.service_id = p.service_id AND h.environment_id = p.environment_id AND h.partition = p.name AND h.lifted_at IS NULL LEFT JOIN actors hb ON hb.id = h.actor_id
      LEFT JOIN pins n ON n.service_id = p.service_id AND n.environment_id = p.environment_id AND n.partition = p.name AND ${pinnedSql("n")}
      LEFT JOIN rollouts r ON r.service_id = p.service_id AND r.environment_id = p.environment_id AND r.partition = p.name AND r.status IN ('planned', 'running', 'paused')
      LEFT JOIN LATERAL (SELECT (count(*) FILTER (WHERE x.status = 'verified'))::int AS verified, (count(*) FILTER (WHERE x.status NOT IN ('gone', 'withdrawn')))::int AS total
        FROM rollout_targets x WHERE x.rollout_id = r.id) t ON r.id IS NOT NULL
      WHERE p.service_id = ${serviceId}::uuid AND p.environment_id = ANY(${environmentIds}::uuid[]) AND p.removed_at IS NULL ORDER BY p.name = 'default', p.ordinal, p.name`,
    db.$queryRaw<RunningRow[]>`
      SELECT c.environment_id::text, c.partition, c.running_release_id::text, c.image_id, c.categories[1] AS worst, s.freshness = 'silent' AS silent, sum(k.instances)::int AS instances, sum(k.unhealthy)::int AS unhealthy, min(s.last_report_at) AS oldest
      FROM combinations c JOIN combination_counts k ON k.combination_id = c.id JOIN agent_scopes s ON s.id = k.agent_scope_id
      WHERE c.service_name = ${name} AND c.environment_id = ANY(${environmentIds}::uuid[]) GROUP BY 1, 2, 3, 4, 5, 6`,
    db.$queryRaw<{ environment_id: string; partition: string; at: Date; kind: RolloutKind; version: string | null; rollout: string; number: bigint; status: string }[]>`
      SELECT r.environment_id::text, r.partition::text, r.created_at AS at, r.kind, v.version, r.id::text AS rollout, r.number, r.status FROM rollouts r LEFT JOIN releases v ON v.id = r.to_release_id
      WHERE r.service_id = ${serviceId}::uuid AND r.environment_id = ANY(${environmentIds}::uuid[]) ORDER BY r.number DESC LIMIT ${MOST_HISTORY}`,
    readRuns(db, name, environmentIds),
  ]);
  if (!known && running.length === 0 && runs.length === 0) throw notFound("service");
  const releases = await readReleases(db, [...places.flatMap((place) => [place.release_id, place.hold_release_id]), ...running.map((row) => row.running_release_id)]);
  const images = await readImages(db, running.map((row) => row.image_id));
  const pins = new Map((await loadPins(db, { ids: places.flatMap((place) => place.pin_id ?? []) })).map((pin) => [pin.id, refOfPin(pin)]));

  return {
    name,
    aliases: known?.aliases ?? [],
    addedNames: known?.added ?? [],
    adopted: known !== undefined,
    ownerTeam: known?.owner_team ?? null,
    environments: environments.flatMap((environment) => {
      const here = running.filter((row) => row.environment_id === environment.id);
      const declared = places.filter((place) => place.environment_id === environment.id);
      const partitions = [...new Set([...declared.map(({ partition }) => partition), ...here.map(({ partition }) => partition)])];
      return partitions.map((partition): ServiceDto["environments"][number] => {
        const place = declared.find((one) => one.partition === partition);
        const rows = here.filter((row) => row.partition === partition);
        return {
          environment: environmentDtoOf(environment),
          partition,
          selector: place?.selector ?? {},
          pin: pins.get(place?.pin_id ?? "") ?? null,
          assigned: refOf(releases.get(place?.release_id ?? "")),
          assignment:
            place && place.entry_seq !== null && place.revision !== null && place.updated_at !== null
              ? { entry: Number(place.entry_seq), revision: Number(place.revision), at: place.updated_at.toISOString(), by: place.assigned_by ?? "Plumbline" }
              : null,
          authority: place?.external ? "external" : "plumbline",
          hold: place && place.hold_entry !== null && place.hold_at !== null ? { entry: Number(place.hold_entry), version: releases.get(place.hold_release_id ?? "")?.version ?? null, at: place.hold_at.toISOString(), by: place.hold_by ?? "Plumbline" } : null,
          rollout: place && place.rollout_id !== null && place.kind !== null ? { id: place.rollout_id, number: Number(place.number), kind: place.kind, verified: place.verified ?? 0, total: place.total ?? 0 } : null,
          running: joinRunning(rows.filter(({ silent }) => !silent).map((row): Running => ({
            version: releases.get(row.running_release_id ?? "")?.version ?? null,
            digest: releases.get(row.running_release_id ?? "")?.digest ?? digestOfImage(images.get(row.image_id)),
            instances: row.instances,
            unhealthy: row.unhealthy,
            worst: row.worst,
            severity: severityOf(row.worst),
          }))),
          instances: rows.reduce((sum, row) => sum + row.instances, 0),
          silent: rows.reduce((sum, row) => sum + (row.silent ? row.instances : 0), 0),
          oldestReportAt: rows.map(({ oldest }) => oldest).toSorted((a, b) => a.getTime() - b.getTime())[0]?.toISOString() ?? null,
        };
      });
    }),
    runs,
    history: history.map((row) => ({
      environment: environments.find(({ id }) => id === row.environment_id)?.name ?? "", partition: row.partition, at: row.at.toISOString(), kind: row.kind, version: row.version, rollout: row.rollout, number: Number(row.number), status: row.status,
    })),
  };
}

/** One line per version and verdict, the worst first. */
function joinRunning(rows: readonly Running[]): Running[] {
  const joined = new Map<string, Running>();
  for (const row of rows) {
    const key = `${row.digest} ${row.worst}`;
    const before = joined.get(key);
    joined.set(key, before ? { ...before, instances: before.instances + row.instances, unhealthy: before.unhealthy + row.unhealthy } : row);
  }
  return [...joined.values()].sort((a, b) => rankCategory(a.worst) - rankCategory(b.worst) || b.instances - a.instances);
}
