import { matchesGlob } from "@/lib/domain/access/glob";
import { DEFAULT_COMPONENT, DEFAULT_PARTITION, isName, sanitizeName } from "@/lib/domain/fleet/names";
import { choosePartition, type PartitionRule } from "@/lib/domain/fleet/partitions";

/** Label, and prefix of the annotation per container, by which people say whose a container is. */
export const SERVICE_LABEL = "plumbline.service";
export const ENVIRONMENT_LABEL = "plumbline.environment";
export const KUBERNETES_NAME_LABEL = "app.kubernetes.io/name";
export const COMPOSE_SERVICE_LABEL = "com.docker.compose.service";

/** What an agent said about one container and the target that it belongs to. */
export interface ContainerFacts {
  /** The container's name within its target: the reported component. */
  container: string;
  /** The target's labels and annotations. They are the container's own when it is the only one. */
  labels: Readonly<Record<string, string>>;
  /** How many containers share the target; with more than one its labels are inherited. */
  containersInTarget: number;
  /** Every repository that the image is known by on the host, as the runtime wrote them. */
  repositories: readonly string[];
}

/** What the ledger and the pool know. Lookups are functions so that the caller decides how to load. */
export interface MappingRules {
  /** The environments (names or patterns) that the agent's pool may report. */
  environments: readonly string[];
  /** The services, and their components, that a repository is registered for, by `normalizeRepository`. */
  ownersOf: (repository: string) => readonly { service: string; component: string }[];
  /** The component names of a service; empty when the ledger does not know it. */
  componentsOf: (service: string) => readonly string[];
  /** The declared partitions, in order; the first match wins. */
  partitionsOf: (service: string, environment: string) => readonly PartitionRule[];
}

/** By which rule the service was found. */
export const MAPPING_SOURCES = [
  "annotation",
  "label",
  "kubernetes-name",
  "compose-service",
  "registered-repository",
  "repository-name",
] as const;
export type MappingSource = (typeof MAPPING_SOURCES)[number];

/** Names, not rows: an unknown name stays text. Null where nothing says. */
export interface MappedFacts {
  service: string | null;
  source: MappingSource | null;
  environment: string | null;
  partition: string;
  component: string;
}

/**
 * A repository in its full form: `nginx` and `docker.io/nginx` are `docker.io/library/nginx`. Tag and digest are cut.
 * Used to look names up; which bytes run is never decided by it.
 */
export function normalizeRepository(reference: string): string {
  const beforeDigest = reference.trim().split("@", 1)[0] ?? "";
  const slash = beforeDigest.lastIndexOf("/");
  const colon = beforeDigest.indexOf(":", slash + 1);
  const name = (colon === -1 ? beforeDigest : beforeDigest.slice(0, colon)).toLowerCase();
  const [head = "", ...rest] = name.split("/");
  const hasHost = rest.length > 0 && (head.includes(".") || head.includes(":") || head === "localhost");
  const host = hasHost ? head : "docker.io";
  const path = hasHost ? rest.join("/") : name;
  return host === "docker.io" && !path.includes("/") ? `docker.io/library/${path}` : `${host}/${path}`;
}

/** The last segment of a repository as a name: what an unlabelled container is probably called. */
export function nameFromRepository(reference: string): string | null {
  return sanitizeName(normalizeRepository(reference).split("/").at(-1));
}

function mapService(facts: ContainerFacts, rules: MappingRules): Pick<MappedFacts, "service" | "source"> {
  const repositories = facts.repositories.map(normalizeRepository);
  const owners = repositories.flatMap((repository) => [...rules.ownersOf(repository)]);
  // An inherited label speaks for a container only if the service owns its image, or names it as a component: else a
  // mesh proxy in the pod of payments would be judged as payments.
  const appliesTo = (service: string): boolean =>
    facts.containersInTarget <= 1 ||
    owners.some((owner) => owner.service === service) ||
    rules.componentsOf(service).includes(facts.container);

  const annotated = sanitizeName(facts.labels[`${SERVICE_LABEL}/${facts.container}`]);
  if (annotated) return { service: annotated, source: "annotation" };
  const labels: readonly (readonly [string, MappingSource])[] = [
    [SERVICE_LABEL, "label"],
    [KUBERNETES_NAME_LABEL, "kubernetes-name"],
    [COMPOSE_SERVICE_LABEL, "compose-service"],
  ];
  for (const [label, source] of labels) {
    const service = sanitizeName(facts.labels[label]);
    if (service && appliesTo(service)) return { service, source };
  }
  const owner = owners[0];
  if (owner) return { service: owner.service, source: "registered-repository" };
  // Sorted, because a runtime lists the names of one image in no order that means anything.
  const service = repositories
    .toSorted()
    .map(nameFromRepository)
    .find((name) => name !== null);
  return service ? { service, source: "repository-name" } : { service: null, source: null };
}

function mapEnvironment(labels: ContainerFacts["labels"], allowed: readonly string[]): string | null {
  const labelled = sanitizeName(labels[ENVIRONMENT_LABEL]);
  if (labelled && allowed.some((pattern) => matchesGlob(pattern, labelled))) return labelled;
  const [only, ...others] = allowed;
  return only !== undefined && others.length === 0 && isName(only) ? only : null;
}

function mapComponent(facts: ContainerFacts, service: string | null, rules: MappingRules): string {
  if (service === null) return DEFAULT_COMPONENT;
  const components = rules.componentsOf(service);
  if (components.includes(facts.container)) return facts.container;
  const byRepository = facts.repositories
    .flatMap((repository) => [...rules.ownersOf(normalizeRepository(repository))])
    .find((owner) => owner.service === service);
  if (byRepository) return byRepository.component;
  return components.length === 1 ? (components[0] ?? DEFAULT_COMPONENT) : DEFAULT_COMPONENT;
}

function mapPartition(
  labels: ContainerFacts["labels"],
  service: string | null,
  environment: string | null,
  rules: MappingRules,
): string {
  if (service === null || environment === null) return DEFAULT_PARTITION;
  return choosePartition(labels, rules.partitionsOf(service, environment));
}

/**
 * Maps what an agent said to service, environment, partition and component, in the default order: annotation per
 * container and label `plumbline.service`, `app.kubernetes.io/name`, compose service, registered repository,
 * repository's last segment. The environment is taken from a label only within the pool's own.
 */
export function mapFacts(facts: ContainerFacts, rules: MappingRules): MappedFacts {
  const { service, source } = mapService(facts, rules);
  const environment = mapEnvironment(facts.labels, rules.environments);
  return {
    service,
    source,
    environment,
    partition: mapPartition(facts.labels, service, environment, rules),
    component: mapComponent(facts, service, rules),
  };
}
