import { mapFacts, mapRuledPartition, type ContainerFacts, type MappedFacts, type MappingRules } from "@/lib/domain/fleet/map-facts";
import { compileRuleSet, type MappingRuleSet } from "@/lib/domain/fleet/mapping-rules";
import { DEFAULT_COMPONENT, DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { normalizeRepository } from "@/lib/domain/fleet/repository";
import { readRuleSet } from "@/server/mapping/read-rule-set";
import type { Db, Tx } from "@/server/db";

/** Everything by which facts are mapped, as of one state of the ledger. */
export type LedgerNames = Omit<MappingRules, "environments" | "serviceOf"> & {
  /** As `MappingRules` says, with its id. */
  serviceOf: (name: string) => { id: string; name: string } | null;
  /** The labels that declared partitions are told by. */
  partitionLabels: readonly string[];
};

type Row = { services: { id: string; name: string; alias: string | null }[]; components: { service: string; component: string; repository: string | null }[]; partitions: { service: string; environment: string; name: string; selector: Record<string, string> }[] };

const cache = new WeakMap<Db, { ledgerSize: bigint; names: LedgerNames }>();

/**
 * Names, components and repositories of all services. Every decision appends to the ledger, so what was loaded holds as
 * long as the ledger is of that size; kept per process.
 */
export async function loadLedgerNames(db: Db, tx: Tx, ledgerSize: bigint): Promise<LedgerNames> {
  const kept = cache.get(db);
  if (kept?.ledgerSize === ledgerSize) return kept.names;
  const names = await readLedgerNames(tx);
  cache.set(db, { ledgerSize, names });
  return names;
}

/**
 * The same without the cache: for a decision, whose own changes no other transaction sees yet.
 * @param decided rules to map by instead of those in force
 */
export async function readLedgerNames(tx: Db | Tx, decided: MappingRuleSet | null = null): Promise<LedgerNames> {
  const [row] = await tx.$queryRaw<Row[]>`
    SELECT
      (SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'alias', a.name)), '[]') FROM services s LEFT JOIN service_aliases a ON a.service_id = s.id WHERE s.merged_into IS NULL) AS services,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('service', x.service, 'component', x.component, 'repository', x.repository) ORDER BY x.service, x.component), '[]') FROM (
        SELECT DISTINCT s.name::text AS service, c.name::text AS component, c.repository
        FROM release_components c JOIN releases r ON r.id = c.release_id JOIN services o ON o.id = r.service_id JOIN services s ON s.id = coalesce(o.merged_into, o.id)) x) AS components,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('service', s.name, 'environment', e.name, 'name', p.name, 'selector', p.selector) ORDER BY p.ordinal), '[]')
        FROM partitions p JOIN services s ON s.id = p.service_id JOIN environments e ON e.id = p.environment_id WHERE p.selector <> '{}') AS partitions`;
  return indexNames(row ?? { services: [], components: [], partitions: [] }, decided ?? (await readRuleSet(tx)).set);
}

function indexNames({ services, components, partitions }: Row, decided: MappingRuleSet): LedgerNames {
  const byName = new Map<string, { id: string; name: string }>();
  for (const { id, name, alias } of services) {
    byName.set(name, { id, name });
    if (alias !== null && !byName.has(alias)) byName.set(alias, { id, name });
  }
  const owners = new Map<string, { service: string; component: string }[]>();
  const componentsBy = new Map<string, string[]>();
  for (const { service, component, repository } of components) {
    const list = componentsBy.get(service) ?? [];
    if (!list.includes(component)) list.push(component);
    componentsBy.set(service, list);
    if (repository === null) continue;
    const key = normalizeRepository(repository);
    owners.set(key, [...(owners.get(key) ?? []), { service, component }]);
  }
  const partitionsBy = new Map<string, { name: string; selector: Record<string, string> }[]>();
  for (const { service, environment, name, selector } of partitions) {
    const key = `${service} ${environment}`;
    partitionsBy.set(key, [...(partitionsBy.get(key) ?? []), { name, selector }]);
  }
  const serviceOf = (name: string): { id: string; name: string } | null => byName.get(name) ?? null;
  return {
    decided: compileRuleSet(decided),
    partitionLabels: [...new Set(partitions.flatMap(({ selector }) => Object.keys(selector)))].sort(),
    ownersOf: (repository) => owners.get(repository) ?? [],
    componentsOf: (service) => componentsBy.get(serviceOf(service)?.name ?? service) ?? [],
    partitionsOf: (service, environment) => partitionsBy.get(`${serviceOf(service)?.name ?? service} ${environment}`) ?? [],
    serviceOf,
  };
}

/** An environment that an agent's pool may report, in order. */
export type ReportableEnvironment = { id: string; name: string };

export type Mapped = { serviceName: string | null; serviceId: string | null; environmentId: string; partition: string; component: string; /** The rule by which nobody judges it. */ ignoredBy: string | null };
/** With what decided each field. */
export type ExplainedMapping = Mapped & Pick<MappedFacts, "source" | "because">;

/** The service of a target that a decision covers. */
export type DecidedService = Pick<Mapped, "serviceName" | "serviceId" | "partition">;

/** What is known of one container, for `mapContainer`. */
export type MappableFacts = ContainerFacts & { decided: DecidedService | null };

/**
 * Where one container belongs. What names no environment of the pool counts for its last one, the most protected: shown
 * and judged strictly rather than skipped. A target that a decision covers stays its service's whatever image somebody
 * starts under its name; only rules, labels, or more than one container, say otherwise.
 */
export function mapContainer(names: LedgerNames, environments: readonly ReportableEnvironment[], facts: MappableFacts): ExplainedMapping {
  const mapped = mapFacts(facts, { ...names, environments: environments.map(({ name }) => name) });
  const known = environments.find(({ name }) => name === mapped.environment);
  const environment = known ?? environments.at(-1);
  if (!environment) throw new Error("a pool has at least one environment");
  const because = known ? mapped.because : { ...mapped.because, environment: { by: "most-protected" as const, rule: null } };
  if (mapped.ignored !== null) {
    return { serviceName: null, serviceId: null, environmentId: environment.id, partition: DEFAULT_PARTITION, component: DEFAULT_COMPONENT, ignoredBy: mapped.ignored.rule, source: null, because };
  }
  const decided = followDecided(names, facts.decided);
  const byImage = mapped.source === null || mapped.source === "registered-repository" || mapped.source === "repository-name";
  if (decided?.serviceName && byImage && facts.containersInTarget <= 1 && mapped.service !== decided.serviceName) {
    const components = names.componentsOf(decided.serviceName);
    const decision = { by: "decision" as const, rule: null };
    const ruled = mapRuledPartition(facts, names.decided);
    return {
      serviceName: decided.serviceName, serviceId: decided.serviceId, partition: ruled?.value ?? decided.partition, environmentId: environment.id, component: (components.length === 1 ? components[0] : undefined) ?? DEFAULT_COMPONENT,
      ignoredBy: null, source: mapped.source, because: { ...because, service: decision, partition: ruled?.because ?? decision, component: decision },
    };
  }
  const service = mapped.service === null ? null : names.serviceOf(mapped.service);
  return { serviceName: service?.name ?? mapped.service, serviceId: service?.id ?? null, environmentId: environment.id, partition: mapped.partition, component: mapped.component, ignoredBy: null, source: mapped.source, because };
}

/** A service may have got another name since it was decided, or be part of another. */
function followDecided(names: LedgerNames, decided: DecidedService | null): DecidedService | null {
  const service = decided?.serviceName ? names.serviceOf(decided.serviceName) : null;
  return decided && service ? { ...decided, serviceName: service.name, serviceId: service.id } : decided;
}

/** Containers of one target with where each belongs, as if it were the only one. */
type OwnMapping<T extends Mapped> = { container: string; looksInside: boolean; mapped: T };

/**
 * Whose a target of several containers is: its first container's, by name; one that is ignored, or that a rule which looks at
 * containers gives to somebody, says so only when there is no other.
 */
export function chooseOwn<T extends Mapped>(containers: readonly OwnMapping<T>[]): T | null {
  const rank = ({ mapped, looksInside }: OwnMapping<T>): number => (mapped.ignoredBy !== null ? 2 : looksInside ? 1 : 0);
  const [first] = containers.toSorted((a, b) => rank(a) - rank(b) || (a.container < b.container ? -1 : 1));
  return first?.mapped ?? null;
}

/** Whether the rule that decided whose it is looks at the container, not only at what its target shares. */
export function isLookedInside(names: LedgerNames, { because }: Pick<ExplainedMapping, "because">): boolean {
  return because.service.rule !== null && names.decided.rules.some(({ name, looksInside }) => looksInside && name === because.service.rule);
}

/** The repositories that an image is known by; for one that was never pushed, what it was started as. */
export function repositoriesOf(image: { digests: readonly { repository?: string | null }[]; reference?: string | null }): string[] {
  const named = [...new Set(image.digests.flatMap(({ repository }) => repository ?? []))];
  if (named.length > 0) return named;
  const reference = image.reference ?? "";
  return reference === "" || /^(sha256:)?[0-9a-f]{12,64}$/.test(reference) ? [] : [reference];
}
