import { DEFAULT_COMPONENT, DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { COMPOSE_SERVICE_LABEL, ENVIRONMENT_LABEL, KUBERNETES_NAME_LABEL, SERVICE_LABEL, type ContainerFacts, type MappedFacts, type MappingReason } from "@/lib/domain/fleet/map-facts";

export type MappingField = "service" | "environment" | "partition" | "component";

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
export function causesOfMapping({ mapped, belongs }: MappingFacts): Record<MappingField, MappingReason> {
  const by = (cause: MappingReason["by"]): MappingReason => ({ by: cause, rule: null });
  const { because } = mapped;
  return {
    service: mapped.service === belongs.service ? because.service : by("decision"),
    environment: mapped.environment === belongs.environment ? because.environment : by("most-protected"),
    partition: mapped.partition === belongs.partition ? because.partition : by("decision"),
    component: mapped.component === belongs.component ? because.component : by(belongs.component === DEFAULT_COMPONENT ? "nothing" : "only-component"),
  };
}

/** One line for each field: what it is, and what made it so. */
export function explainMapping(input: MappingFacts, causes: Readonly<Record<MappingField, MappingReason>>): { field: MappingField; value: string | null; by: MappingReason["by"]; sentence: string }[] {
  const { belongs } = input;
  return [
    { field: "service", value: belongs.service, by: causes.service.by, sentence: explainService(input, causes.service) },
    { field: "environment", value: belongs.environment, by: causes.environment.by, sentence: explainEnvironment(input, causes.environment) },
    { field: "partition", value: belongs.partition, by: causes.partition.by, sentence: explainPartition(input, causes.partition) },
    { field: "component", value: belongs.component, by: causes.component.by, sentence: explainComponent(input, causes.component) },
  ];
}

const LABELS: Partial<Record<MappingReason["by"], string>> = { label: SERVICE_LABEL, "kubernetes-name": KUBERNETES_NAME_LABEL, "compose-service": COMPOSE_SERVICE_LABEL };

function explainService({ facts, mapped, belongs }: MappingFacts, { by, rule }: MappingReason): string {
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

function explainEnvironment({ facts, belongs, environments, pool }: MappingFacts, { by, rule }: MappingReason): string {
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

function explainPartition({ belongs }: MappingFacts, { by, rule }: MappingReason): string {
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

function explainComponent({ facts, belongs }: MappingFacts, { by, rule }: MappingReason): string {
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
