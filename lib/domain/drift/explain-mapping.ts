import { DEFAULT_COMPONENT, DEFAULT_PARTITION, sanitizeName } from "@/lib/domain/fleet/names";
import { COMPOSE_SERVICE_LABEL, ENVIRONMENT_LABEL, KUBERNETES_NAME_LABEL, SERVICE_LABEL, type ContainerFacts, type MappedFacts, type MappingSource } from "@/lib/domain/fleet/map-facts";

export type MappingField = "service" | "environment" | "partition" | "component";

/** What decided a field: a rule by its name, something that the facts say, an earlier decision, or that nothing says anything. */
export interface MappingCause {
  by: MappingSource | "rule" | "environment-label" | "only-environment" | "most-protected" | "selector" | "container-name" | "only-component" | "decision" | "nothing";
  /** The rule's name where a rule decided. */
  rule: string | null;
}

/** Where a container belongs now. */
export interface Belongs {
  service: string | null;
  environment: string;
  partition: string;
  component: string;
}

export interface MappingFacts {
  facts: ContainerFacts;
  /** What the rules of this moment say of these facts. */
  mapped: MappedFacts;
  belongs: Belongs;
  /** What the agent's pool may report. */
  environments: readonly string[];
  pool: string;
}

/** For each field what decided it. */
export function causesOfMapping({ facts, mapped, belongs, environments }: MappingFacts): Record<MappingField, MappingCause> {
  const by = (cause: MappingCause["by"]): MappingCause => ({ by: cause, rule: null });
  const labelled = sanitizeName(facts.labels[ENVIRONMENT_LABEL]);
  return {
    service: by(mapped.service === belongs.service ? (mapped.source ?? "nothing") : "decision"),
    environment: by(labelled === belongs.environment && mapped.environment === belongs.environment ? "environment-label" : environments.length === 1 ? "only-environment" : "most-protected"),
    partition: by(belongs.partition === DEFAULT_PARTITION ? "nothing" : mapped.partition === belongs.partition ? "selector" : "decision"),
    component: by(belongs.component === facts.container ? "container-name" : belongs.component === DEFAULT_COMPONENT ? "nothing" : mapped.source === "registered-repository" ? "registered-repository" : "only-component"),
  };
}

/** One line for each field: what it is, and what made it so. */
export function explainMapping(input: MappingFacts, causes: Readonly<Record<MappingField, MappingCause>>): { field: MappingField; value: string | null; by: MappingCause["by"]; sentence: string }[] {
  const { belongs } = input;
  return [
    { field: "service", value: belongs.service, by: causes.service.by, sentence: explainService(input, causes.service) },
    { field: "environment", value: belongs.environment, by: causes.environment.by, sentence: explainEnvironment(input, causes.environment) },
    { field: "partition", value: belongs.partition, by: causes.partition.by, sentence: explainPartition(input, causes.partition) },
    { field: "component", value: belongs.component, by: causes.component.by, sentence: explainComponent(input, causes.component) },
  ];
}

const LABELS: Partial<Record<MappingCause["by"], string>> = { label: SERVICE_LABEL, "kubernetes-name": KUBERNETES_NAME_LABEL, "compose-service": COMPOSE_SERVICE_LABEL };

function explainService({ facts, mapped, belongs }: MappingFacts, { by, rule }: MappingCause): string {
  const service = belongs.service ?? "none";
  const label = LABELS[by];
  if (label !== undefined) return `Service ${service}, by the label ${label}=${facts.labels[label] ?? ""}.`;
  switch (by) {
    case "rule":
      return `Service ${service}, by the mapping rule ${rule ?? "(unnamed)"}.`;
    case "annotation":
      return `Service ${service}, by the annotation ${SERVICE_LABEL}/${facts.container}.`;
    case "registered-repository":
      return `Service ${service}, because releases of it are registered from ${facts.repositories.join(" or ")}. No label says otherwise.`;
    case "repository-name":
      return `Service ${service}, by the last part of ${facts.repositories.toSorted().join(" or ")}: no label names a service, and no release is registered from there.`;
    case "decision":
      return mapped.service === null
        ? `Service ${service}, because a decision covers its target. Nothing that it reports names one.`
        : `Service ${service}, because that was decided for its target. By what it reports it would be ${mapped.service}.`;
    default:
      return "No service: no label names one, and the image has no repository.";
  }
}

function explainEnvironment({ facts, belongs, environments, pool }: MappingFacts, { by, rule }: MappingCause): string {
  const { environment } = belongs;
  switch (by) {
    case "rule":
      return `Environment ${environment}, by the mapping rule ${rule ?? "(unnamed)"}.`;
    case "environment-label":
      return `Environment ${environment}, by the label ${ENVIRONMENT_LABEL}=${facts.labels[ENVIRONMENT_LABEL] ?? ""}.`;
    case "only-environment":
      return `Environment ${environment}, the only one that the pool ${pool} may report.`;
    default: {
      const labelled = facts.labels[ENVIRONMENT_LABEL];
      const why = labelled === undefined ? `no label ${ENVIRONMENT_LABEL} says which` : `${ENVIRONMENT_LABEL}=${labelled} is none of them`;
      return `Environment ${environment}: the pool ${pool} may report ${environments.join(", ")}, and ${why}. The last of them counts, so that nothing is judged too mildly.`;
    }
  }
}

function explainPartition({ belongs }: MappingFacts, { by, rule }: MappingCause): string {
  const { partition } = belongs;
  switch (by) {
    case "rule":
      return `Partition ${partition}, by the mapping rule ${rule ?? "(unnamed)"}.`;
    case "selector":
      return `Partition ${partition}, the first whose selector matches its labels.`;
    case "decision":
      return `Partition ${partition}, because that was decided for its target.`;
    default:
      return partition === DEFAULT_PARTITION ? "Partition default: no selector of another one matches." : `Partition ${partition}.`;
  }
}

function explainComponent({ facts, belongs }: MappingFacts, { by, rule }: MappingCause): string {
  const { component } = belongs;
  switch (by) {
    case "rule":
      return `Component ${component}, by the mapping rule ${rule ?? "(unnamed)"}.`;
    case "container-name":
      return `Component ${component}, by the container's name.`;
    case "registered-repository":
      return `Component ${component}, because that component is registered from its repository.`;
    case "only-component":
      return `Component ${component}: the service has no other.`;
    default:
      return `Component ${component}: no release names a component ${facts.container}.`;
  }
}
