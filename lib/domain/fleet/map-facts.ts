import { matchesGlob } from "@/lib/domain/access/glob";
import type { CompiledRule, CompiledRuleSet, RuleFacts, SetField } from "@/lib/domain/fleet/mapping-rules";
import { DEFAULT_COMPONENT, DEFAULT_PARTITION, isName, sanitizeName } from "@/lib/domain/fleet/names";
import { choosePartition, type PartitionRule } from "@/lib/domain/fleet/partitions";
import { nameFromRepository, normalizeRepository } from "@/lib/domain/fleet/repository";

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
  /** Where it was found. Only rules look at it. */
  origin: ContainerOrigin;
}

export type ContainerOrigin = Pick<RuleFacts, "image" | "target" | "namespace" | "agent" | "pool">;

/** What the ledger and the pool know. Lookups are functions so that the caller decides how to load. */
export interface MappingRules {
  /** What people decided about the mapping; it goes before everything that labels and images say. */
  decided: CompiledRuleSet;
  /** The environments (names or patterns) that the agent's pool may report. */
  environments: readonly string[];
  /** The service that a name or alias stands for, by the name that it has now; null for a name of no service. */
  serviceOf: (name: string) => { name: string } | null;
  /** The services, and their components, that a repository is registered for, by `normalizeRepository`. */
  ownersOf: (repository: string) => readonly { service: string; component: string }[];
  /** The component names of a service; empty when the ledger does not know it. */
  componentsOf: (service: string) => readonly string[];
  /** The declared partitions, in order; the first match wins. */
  partitionsOf: (service: string, environment: string) => readonly PartitionRule[];
}

/** How the service was found. */
export const MAPPING_SOURCES = [
  "rule",
  "annotation",
  "label",
  "kubernetes-name",
  "compose-service",
  "registered-repository",
  "repository-name",
] as const;
export type MappingSource = (typeof MAPPING_SOURCES)[number];

/** What decided a field: a rule, something that the facts say, or that nothing said anything. */
export type MappingReason = { by: MappingSource | "environment-label" | "only-environment" | "most-protected" | "selector" | "container-name" | "only-component" | "decision" | "nothing"; rule: string | null };

/** Names, not rows: an unknown name stays text. Null where nothing says. */
export interface MappedFacts {
  service: string | null;
  source: MappingSource | null;
  environment: string | null;
  partition: string;
  component: string;
  /** The rule that says that nobody judges it; it then has no service. */
  ignored: { rule: string; reason: string } | null;
  /** For each field what decided it, to explain a mapping. */
  because: Readonly<Record<SetField, MappingReason>>;
}

type Found<T> = { value: T; because: MappingReason };

function byRule<T>(value: T, rule: CompiledRule): Found<T> {
  return { value, because: { by: "rule", rule: rule.name } };
}

function by<T>(value: T, how: MappingReason["by"]): Found<T> {
  return { value, because: { by: how, rule: null } };
}

/** A container, the rules that match it in their order, and what is known of its image. */
interface Question {
  facts: ContainerFacts;
  found: RuleFacts;
  matching: readonly CompiledRule[];
  owners: readonly { service: string; component: string }[];
  rules: MappingRules;
}

/** The name under which the ledger knows what a name means; itself where nobody knows it. */
function knownName(name: string, { decided, serviceOf }: MappingRules): string {
  const meant = decided.aliasOf(name);
  return serviceOf(meant)?.name ?? meant;
}

type Service = { service: string | null; source: MappingSource | null; ignored: MappedFacts["ignored"]; rule: string | null };

function mapService({ facts, found, matching, owners, rules }: Question): Service {
  // What is said of the whole target speaks for a container among several only if the service owns its image, or names it
  // as a component: else a mesh proxy in the pod of payments would be judged as payments.
  const claims = (service: string): boolean => facts.containersInTarget <= 1 || owners.some((owner) => owner.service === service) || rules.componentsOf(service).includes(facts.container);
  // A rule may name a service of which nothing is registered yet: it has no image that would say otherwise.
  const isUnregistered = (service: string): boolean => owners.length === 0 && rules.componentsOf(service).length === 0;

  for (const rule of matching) {
    if (rule.ignore !== null) return { service: null, source: null, ignored: { rule: rule.name, reason: rule.ignore }, rule: rule.name };
    const service = rule.valueOf("service", found);
    if (service !== null && (rule.looksInside || claims(knownName(service, rules)) || isUnregistered(knownName(service, rules)))) return { service, source: "rule", ignored: null, rule: rule.name };
  }
  const is = (service: string, source: MappingSource): Service => ({ service, source, ignored: null, rule: null });
  const annotated = sanitizeName(facts.labels[`${SERVICE_LABEL}/${facts.container}`]);
  if (annotated) return is(annotated, "annotation");
  const labels: readonly (readonly [string, MappingSource])[] = [
    [SERVICE_LABEL, "label"],
    [KUBERNETES_NAME_LABEL, "kubernetes-name"],
    [COMPOSE_SERVICE_LABEL, "compose-service"],
  ];
  for (const [label, source] of labels) {
    const service = sanitizeName(facts.labels[label]);
    if (service && claims(knownName(service, rules))) return is(service, source);
  }
  const owner = owners[0];
  if (owner) return is(owner.service, "registered-repository");
  // Sorted, because a runtime lists the names of one image in no order that means anything.
  const service = found.repositories
    .toSorted()
    .map(nameFromRepository)
    .find((name) => name !== null);
  return service ? is(service, "repository-name") : { service: null, source: null, ignored: null, rule: null };
}

function isAllowed(allowed: readonly string[], environment: string): boolean {
  return allowed.some((pattern) => matchesGlob(pattern, environment));
}

function mapEnvironment({ facts: { labels }, found, matching, rules: { environments: allowed } }: Question): Found<string | null> {
  for (const rule of matching) {
    const environment = rule.valueOf("environment", found);
    if (environment !== null && isAllowed(allowed, environment)) return byRule(environment, rule);
  }
  const labelled = sanitizeName(labels[ENVIRONMENT_LABEL]);
  if (labelled && isAllowed(allowed, labelled)) return by(labelled, "environment-label");
  const [only, ...others] = allowed;
  return only !== undefined && others.length === 0 && isName(only) ? by(only, "only-environment") : by(null, "nothing");
}

function mapComponent({ facts, found, matching, owners, rules }: Question, service: string | null): Found<string> {
  if (service === null) return by(DEFAULT_COMPONENT, "nothing");
  for (const rule of matching) {
    const component = rule.valueOf("component", found);
    if (component !== null && (rule.looksInside || facts.containersInTarget <= 1)) return byRule(component, rule);
  }
  const components = rules.componentsOf(service);
  if (components.includes(facts.container)) return by(facts.container, "container-name");
  const byRepository = owners.find((owner) => owner.service === service);
  if (byRepository) return by(byRepository.component, "registered-repository");
  const [only] = components;
  return components.length === 1 && only !== undefined ? by(only, "only-component") : by(DEFAULT_COMPONENT, "nothing");
}

function mapPartition({ facts: { labels }, found, matching, rules }: Question, service: string | null, environment: string | null): Found<string> {
  if (service === null) return by(DEFAULT_PARTITION, "nothing");
  const ruled = partitionByRule(matching, found);
  if (ruled) return ruled;
  if (environment === null) return by(DEFAULT_PARTITION, "nothing");
  const partition = choosePartition(labels, rules.partitionsOf(service, environment));
  return by(partition, partition === DEFAULT_PARTITION ? "nothing" : "selector");
}

function partitionByRule(matching: readonly CompiledRule[], found: RuleFacts): Found<string> | null {
  for (const rule of matching) {
    const partition = rule.valueOf("partition", found);
    if (partition !== null) return byRule(partition, rule);
  }
  return null;
}

/** The partition that a rule puts a container in, whosever it is and whatever selectors there are; null where none does. */
export function mapRuledPartition(facts: ContainerFacts, { rules }: CompiledRuleSet): { value: string; because: MappingReason } | null {
  const found = toRuleFacts(facts);
  return partitionByRule(rules.filter((rule) => rule.matches(found)), found);
}

/** The rules that match, in their order. The first that sets a field decides it. */
export function listMatching(facts: ContainerFacts, { rules }: CompiledRuleSet): CompiledRule[] {
  const found = toRuleFacts(facts);
  return rules.filter((rule) => rule.matches(found));
}

/** A container as rules are held against it. */
export function toRuleFacts({ container, labels, repositories, origin }: ContainerFacts): RuleFacts {
  return { container, labels, repositories: repositories.map(normalizeRepository), ...origin };
}

/**
 * Maps what an agent said to service, environment, partition and component. Each field is decided by the first rule that
 * matches and sets it; else in the default order: annotation per container and label `plumbline.service`,
 * `app.kubernetes.io/name`, compose service, registered repository, repository's last segment. The environment is taken from
 * a rule or a label only within the pool's own. A rule that ignores stands where one that sets the service would: the first
 * of both decides.
 */
export function mapFacts(facts: ContainerFacts, rules: MappingRules): MappedFacts {
  const found = toRuleFacts(facts);
  const question: Question = {
    facts,
    found,
    matching: rules.decided.rules.filter((rule) => rule.matches(found)),
    owners: found.repositories.flatMap((repository) => [...rules.ownersOf(repository)]),
    rules,
  };
  const { service: named, source, ignored, rule } = mapService(question);
  const service = named === null ? null : knownName(named, rules);
  const environment = mapEnvironment(question);
  const partition = mapPartition(question, service, environment.value);
  const component = mapComponent(question, service);
  return {
    service,
    source,
    environment: environment.value,
    partition: partition.value,
    component: component.value,
    ignored,
    because: {
      service: rule === null ? { by: source ?? "nothing", rule } : { by: "rule", rule },
      environment: environment.because,
      partition: partition.because,
      component: component.because,
    },
  };
}
