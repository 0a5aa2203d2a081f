import { COMPOSE_SERVICE_LABEL, ENVIRONMENT_LABEL, KUBERNETES_NAME_LABEL, mapRuledPartition, SERVICE_LABEL, type ContainerOrigin } from "@/lib/domain/fleet/map-facts";
import { sqlArray, type Db, type Tx } from "@/server/db";
import { COMBINATION_COLUMNS, type CombinationRow } from "@/server/drift/combination";
import { chooseOwn, isLookedInside, mapContainer, repositoriesOf, type ExplainedMapping, type LedgerNames, type MappableFacts, type Mapped, type ReportableEnvironment } from "@/server/inventory/mapping-rules";
import { poolEnvironmentsSql } from "@/server/inventory/pool-environments-sql";

/** Targets that are mapped alike: the same in all that anybody looks at, and in what they are now. */
export type TargetGroup = {
  ids: bigint[];
  /** The key of one of them. */
  sample: string;
  labels: Record<string, string>;
  containers: number;
  target: string;
  namespace: string | null;
  agent: string;
  pool_id: string;
  service_name: string | null;
  service_id: string | null;
  environment_id: string;
  partition: string;
  covered: boolean;
  /** Each container with an image that it runs. */
  parts: [string, number][];
};

/** The copies of one container of such targets that share a combination, and where they belong by the names at hand. */
export type Piece = { group: TargetGroup; container: string; from: CombinationRow; instances: number; to: ExplainedMapping; facts: MappableFacts };
export type RemapPlan = { pieces: Piece[]; targets: { group: TargetGroup; to: Mapped }[]; environments: ReadonlyMap<string, string> };

type Pool = { id: string; name: string; environments: ReportableEnvironment[] };
type ImageRow = { id: bigint; digests: { repository: string | null }[]; reference: string | null };

/**
 * Where every instance and target belongs by these names: those that stand in the combinations, or all. Reads each distinct
 * set of facts once, and of the facts only what the rules look at: the cost grows with how much the fleet differs.
 */
export async function planRemap(db: Db | Tx, names: LedgerNames, combinationIds: readonly bigint[] | null = null): Promise<RemapPlan> {
  const groups = await readGroups(db, names, { combinationIds });
  const held = await readHeld(db, groups, combinationIds);
  const combinations = await readCombinations(db, [...new Set(held.map((row) => row.combination_id))]);
  const images = await readImages(db, [...new Set([...groups.flatMap(({ parts }) => parts.map(([, image]) => BigInt(image))), ...[...combinations.values()].map((row) => row.image_id)])]);
  const pools = await readPools(db);

  const { describe, map, mapOwn } = makeMapper(names, images, pools);
  return {
    pieces: held.flatMap((row): Piece[] => {
      const group = groups[row.no];
      const from = combinations.get(row.combination_id);
      if (!group || !from) return [];
      const facts = describe(group, row.container, from.image_id);
      return [{ group, container: row.container, from, instances: row.instances, to: keepBounded(from, map(group, facts)), facts }];
    }),
    targets: groups.map((group) => ({ group, to: mapOwn(group) ?? mapEmpty(group, map(group, describe(group, "", null)), mapRuledPartition(describe(group, "", null), names.decided)?.value ?? null) })),
    environments: new Map([...pools.values()].flatMap(({ environments }) => environments.map(({ id, name }) => [id, name]))),
  };
}

/** How the containers of targets are described and mapped by these names. */
export function makeMapper(names: LedgerNames, images: ReadonlyMap<bigint, ImageRow>, pools: ReadonlyMap<string, Pool>) {
  const describe = (group: TargetGroup, container: string, imageId: bigint | null): MappableFacts => {
    const image = imageId === null ? undefined : images.get(imageId);
    const origin: ContainerOrigin = { image: image?.reference ?? null, target: group.target, namespace: group.namespace, agent: group.agent, pool: pools.get(group.pool_id)?.name ?? "" };
    return {
      container,
      labels: group.labels,
      // A container without an image stands for the target itself.
      containersInTarget: imageId === null ? 1 : group.containers,
      repositories: image ? repositoriesOf(image) : [],
      origin,
      decided: group.covered ? { serviceName: group.service_name, serviceId: group.service_id, partition: group.partition } : null,
    };
  };
  const map = (group: TargetGroup, facts: MappableFacts): ExplainedMapping => mapContainer(names, pools.get(group.pool_id)?.environments ?? [], facts);
  /** Whose the target itself is, with the facts of the container that says so; null where nothing runs. */
  const mapOwn = (group: TargetGroup): (ExplainedMapping & { facts: MappableFacts }) | null =>
    chooseOwn(group.parts.map(([container, image]) => {
      const facts = { ...describe(group, container, BigInt(image)), containersInTarget: 1 };
      const mapped = { ...map(group, facts), facts };
      return { container, looksInside: isLookedInside(names, mapped), mapped };
    }));
  return { describe, map, mapOwn };
}

/** What was one name too many of its agent stays nobody's: only a rule, or a registered service, says otherwise. */
function keepBounded(from: CombinationRow, to: ExplainedMapping): ExplainedMapping {
  const wasUnmapped = from.service_name === null && from.ignored_by === null;
  if (!wasUnmapped || to.serviceId !== null || to.serviceName === null || to.because.service.rule !== null) return to;
  return { ...to, serviceName: null, partition: from.partition, component: from.component };
}

/** A target of which nothing runs stays what it was unless a rule or a label says otherwise. */
function mapEmpty(group: TargetGroup, mapped: ExplainedMapping, ruled: string | null): Mapped {
  const says = mapped.ignoredBy !== null || (mapped.source !== null && mapped.source !== "registered-repository" && mapped.source !== "repository-name");
  return says ? mapped : { ...mapped, serviceName: group.service_name, serviceId: group.service_id, environmentId: group.environment_id, partition: group.service_name === null ? group.partition : (ruled ?? group.partition) };
}

/**
 * The targets that are there, by what is looked at of them: those with a copy in the combinations, or all; or those of a service
 * in an environment, with the ones that are gone.
 */
export function readGroups(
  db: Db | Tx,
  { decided: { uses }, partitionLabels }: LedgerNames,
  { combinationIds = null, serviceId = null, environmentId = null }: { combinationIds?: readonly bigint[] | null; serviceId?: string | null; environmentId?: string | null },
): Promise<TargetGroup[]> {
  const labels = [SERVICE_LABEL, ENVIRONMENT_LABEL, KUBERNETES_NAME_LABEL, COMPOSE_SERVICE_LABEL, ...partitionLabels, ...uses.labels];
  return db.$queryRaw<TargetGroup[]>`
    WITH facts AS MATERIALIZED (
      SELECT t.id, t.key,
        coalesce((SELECT jsonb_object_agg(l.key, l.value) FROM jsonb_each(t.labels) l WHERE l.key = ANY(${labels}::text[]) OR starts_with(l.key, ${`${SERVICE_LABEL}/`})), '{}') AS labels,
        greatest(jsonb_array_length(t.components), 1) AS containers, CASE WHEN ${uses.fields.has("target")} THEN t.key ELSE '' END AS target, CASE WHEN ${uses.fields.has("namespace")} THEN t.namespace END AS namespace,
        CASE WHEN ${uses.fields.has("agent")} THEN a.name ELSE '' END AS agent, a.pool_id::text, t.service_name::text, t.service_id::text, t.environment_id::text, t.partition::text,
        EXISTS (SELECT FROM target_desired d WHERE d.target_id = t.id) AS covered,
        coalesce((SELECT jsonb_agg(DISTINCT jsonb_build_array(i.component, i.image_id)) FROM instances i WHERE i.target_id = t.id), '[]') AS parts
      FROM targets t JOIN agent_scopes s ON s.id = t.agent_scope_id JOIN agents a ON a.id = s.agent_id
      -- What ran in a preview that has ended is history: a report that names it again opens it, and maps it.
      JOIN environments e ON e.id = t.environment_id AND (e.kind <> 'preview' OR e.retired_at IS NULL)
      WHERE (t.gone_at IS NULL OR ${serviceId}::uuid IS NOT NULL)
        AND (${serviceId}::uuid IS NULL OR (t.service_id = ${serviceId}::uuid AND t.environment_id = ${environmentId}::uuid))
        AND (${combinationIds}::bigint[] IS NULL OR t.id IN (SELECT i.target_id FROM instances i WHERE i.combination_id = ANY(${combinationIds}::bigint[]))))
    SELECT labels, containers, target, namespace, agent, pool_id, service_name, service_id, environment_id, partition, covered, parts, array_agg(id ORDER BY id) AS ids, min(key) AS sample
    FROM facts GROUP BY labels, containers, target, namespace, agent, pool_id, service_name, service_id, environment_id, partition, covered, parts ORDER BY min(id)`;
}

/** How many copies of which container stand in which combination, by the group's place. */
async function readHeld(db: Db | Tx, groups: readonly TargetGroup[], combinationIds: readonly bigint[] | null): Promise<{ no: number; container: string; combination_id: bigint; instances: number }[]> {
  if (groups.length === 0) return [];
  return db.$queryRaw`
    SELECT g.no::int, i.component AS container, i.combination_id, count(*)::int AS instances
    FROM unnest(${sqlArray(groups.flatMap(({ ids }) => ids))}::bigint[], ${sqlArray(groups.flatMap(({ ids }, no) => ids.map(() => no)))}::int[]) g(target_id, no) JOIN instances i ON i.target_id = g.target_id
    WHERE ${combinationIds}::bigint[] IS NULL OR i.combination_id = ANY(${combinationIds}::bigint[])
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
}

async function readCombinations(db: Db | Tx, ids: readonly bigint[]): Promise<Map<bigint, CombinationRow>> {
  const rows = await db.$queryRaw<CombinationRow[]>`SELECT ${COMBINATION_COLUMNS} FROM combinations c WHERE c.id = ANY(${sqlArray(ids)}::bigint[])`;
  return new Map(rows.map((row) => [row.id, row]));
}

/** Images with all that they are known by. */
export async function readImages(db: Db | Tx, ids: readonly bigint[]): Promise<Map<bigint, ImageRow>> {
  const rows = await db.$queryRaw<ImageRow[]>`SELECT id, digests, reference FROM images WHERE id = ANY(${sqlArray(ids)}::bigint[])`;
  return new Map(rows.map((row) => [row.id, row]));
}

/** Pools with what their agents may report. */
export async function readPools(db: Db | Tx): Promise<Map<string, Pool>> {
  const rows = await db.$queryRaw<Pool[]>`SELECT p.id::text, p.name::text, ${poolEnvironmentsSql("p.id")} AS environments FROM pools p`;
  return new Map(rows.map((row) => [row.id, row]));
}
