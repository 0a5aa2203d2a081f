import { describe, expect, it } from "vitest";
import { mapFacts, type ContainerFacts, type MappingRules } from "@/lib/domain/fleet/map-facts";
import { compileRuleSet } from "@/lib/domain/fleet/mapping-rules";
import { causesOfMapping, explainMapping, type Belongs, type MappingFacts } from "./explain-mapping";

const rules: MappingRules = {
  decided: compileRuleSet({ rules: [{ name: "tenants", match: { namespace: "tenants" }, set: { service: "payments", environment: "production", partition: "eu", component: "worker" } }], aliases: {} }),
  environments: ["staging", "production"],
  serviceOf: () => null,
  ownersOf: (repository) => (repository === "registry.test/acme/pay" ? [{ service: "payments", component: "main" }] : []),
  componentsOf: (service) => (service === "payments" ? ["main", "worker"] : []),
  partitionsOf: (service) => (service === "payments" ? [{ name: "eu", selector: { region: "eu-*" } }] : []),
};
const facts = (changes: Partial<ContainerFacts> = {}): ContainerFacts => ({ container: "app", labels: {}, containersInTarget: 1, repositories: ["registry.test/acme/pay"], origin: { image: null, target: "web", namespace: null, agent: "host-a", pool: "hosts" }, ...changes });
const question = (of: ContainerFacts, belongs: Partial<Belongs> = {}, environments = rules.environments): MappingFacts => {
  const mapped = mapFacts(of, { ...rules, environments });
  return { facts: of, mapped, belongs: { service: mapped.service, environment: mapped.environment ?? environments.at(-1) ?? "", partition: mapped.partition, component: mapped.component, ...belongs }, environments, pool: "hosts" };
};
const sentences = (input: MappingFacts): string[] => explainMapping(input, causesOfMapping(input)).map(({ sentence }) => sentence);

describe("explainMapping", () => {
  it.each<[string, MappingFacts, string]>([
    ["a label", question(facts({ labels: { "plumbline.service": "payments" } })), "Service payments, by the label plumbline.service=payments."],
    ["a label of Kubernetes", question(facts({ labels: { "app.kubernetes.io/name": "payments" } })), "Service payments, by the label app.kubernetes.io/name=payments."],
    ["a compose service", question(facts({ labels: { "com.docker.compose.service": "Payments" } })), "Service payments, by the label com.docker.compose.service=Payments."],
    ["an annotation", question(facts({ labels: { "plumbline.service/app": "payments" } })), "Service payments, by the annotation plumbline.service/app."],
    ["a registered repository", question(facts()), "Service payments, because releases of it are registered from registry.test/acme/pay. No label says otherwise."],
    ["a repository's name", question(facts({ repositories: ["nginx"] })), "Service nginx, by the last part of nginx: no label names a service, and no release is registered from there."],
    ["nothing", question(facts({ repositories: [] })), "No service: no label names one, and the image has no repository."],
    ["a decision", question(facts({ repositories: ["nginx"] }), { service: "payments" }), "Service payments, because that was decided for its target. By what it reports it would be nginx."],
    ["a decision about what says nothing", question(facts({ repositories: [] }), { service: "payments" }), "Service payments, because a decision covers its target. Nothing that it reports names one."],
  ])("says by what the service was found: %s", (_, input, expected) => {
    expect(sentences(input)[0]).toBe(expected);
  });
  it.each<[string, MappingFacts, string]>([
    ["a label", question(facts({ labels: { "plumbline.environment": "staging" } })), "Environment staging, by the label plumbline.environment=staging."],
    ["the only one", question(facts(), {}, ["staging"]), "Environment staging, the only one that the pool hosts may report."],
    ["none named", question(facts()), "Environment production: the pool hosts may report staging, production, and no label plumbline.environment says which. The last of them counts, so that nothing is judged too mildly."],
    ["another named", question(facts({ labels: { "plumbline.environment": "dev" } })), "Environment production: the pool hosts may report staging, production, and plumbline.environment=dev is none of them. The last of them counts, so that nothing is judged too mildly."],
  ])("says by what the environment was found: %s", (_, input, expected) => {
    expect(sentences(input)[1]).toBe(expected);
  });
  it("says by what partition and component were found", () => {
    const labels = { "plumbline.service": "payments", "plumbline.environment": "staging", region: "eu-west-1" };
    expect(sentences(question(facts({ labels, container: "worker" }))).slice(2)).toEqual(["Partition eu, the first whose selector matches its labels.", "Component worker, by the container's name."]);
    expect(sentences(question(facts({ repositories: ["nginx"] }))).slice(2)).toEqual(["Partition default: no selector of another one matches.", "Component main: no release names a component app."]);
  });
  it("names the rule where one decided", () => {
    const origin = { image: null, target: "web", namespace: "tenants", agent: "host-a", pool: "hosts" };
    expect(sentences(question(facts({ origin })))).toEqual(["Service payments, by the mapping rule tenants.", "Environment production, by the mapping rule tenants.", "Partition eu, by the mapping rule tenants.", "Component worker, by the mapping rule tenants."]);
  });
});
