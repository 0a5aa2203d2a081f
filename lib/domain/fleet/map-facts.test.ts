import { describe, expect, it } from "vitest";
import { mapFacts, type ContainerFacts, type MappedFacts, type MappingRules } from "@/lib/domain/fleet/map-facts";
import { compileRuleSet, EMPTY_RULE_SET, type MappingRule } from "@/lib/domain/fleet/mapping-rules";
import type { PartitionRule } from "@/lib/domain/fleet/partitions";
import { nameFromRepository, normalizeRepository } from "@/lib/domain/fleet/repository";

const OWNERS: Record<string, { service: string; component: string }[]> = {
  "registry.example/pay/payments": [{ service: "payments", component: "main" }],
  "registry.example/pay/worker": [{ service: "payments", component: "worker" }],
  "registry.example/mesh/envoy": [{ service: "mesh", component: "main" }],
};
const COMPONENTS: Record<string, string[]> = { payments: ["main", "worker"], mesh: ["main"], shop: ["web"] };

const PARTITIONS: PartitionRule[] = [
  { name: "canary", selector: { track: "canary" } },
  { name: "eu", selector: { region: "eu-*", tier: "paid" } },
];

const rules: MappingRules = {
  decided: compileRuleSet(EMPTY_RULE_SET),
  environments: ["production"],
  serviceOf: () => null,
  ownersOf: (repository) => OWNERS[repository] ?? [],
  componentsOf: (service) => COMPONENTS[service] ?? [],
  partitionsOf: (service, environment) =>
    service === "payments" && environment === "production" ? PARTITIONS : [],
};
const facts = (changes: Partial<ContainerFacts> = {}): ContainerFacts => ({
  container: "app",
  labels: {},
  containersInTarget: 1,
  repositories: [],
  origin: { image: null, target: "web", namespace: null, agent: "host-a", pool: "hosts" },
  ...changes,
});
const PAYMENTS = "registry.example/pay/payments";
const ENVOY = "registry.example/mesh/envoy";

describe("mapFacts: service", () => {
  it.each<[string, Partial<ContainerFacts>, Pick<MappedFacts, "service" | "source">]>([
    ["its label", { labels: { "plumbline.service": "payments" } }, { service: "payments", source: "label" }],
    [
      "the label goes before every other",
      {
        labels: {
          "plumbline.service": "payments",
          "app.kubernetes.io/name": "other",
          "com.docker.compose.service": "third",
        },
        repositories: [ENVOY],
      },
      { service: "payments", source: "label" },
    ],
    [
      "the annotation of this container goes before the label",
      { container: "proxy", labels: { "plumbline.service": "payments", "plumbline.service/proxy": "mesh" }, containersInTarget: 2 },
      { service: "mesh", source: "annotation" },
    ],
    [
      "the annotation of another container",
      { container: "app", labels: { "plumbline.service/proxy": "mesh" }, repositories: [PAYMENTS] },
      { service: "payments", source: "registered-repository" },
    ],
    ["the name in Kubernetes", { labels: { "app.kubernetes.io/name": "shop" } }, { service: "shop", source: "kubernetes-name" }],
    ["the compose service", { labels: { "com.docker.compose.service": "shop" } }, { service: "shop", source: "compose-service" }],
    ["the repository that is registered", { repositories: [`${PAYMENTS}:1.2@sha256:ab`] }, { service: "payments", source: "registered-repository" }],
    [
      "a registered repository among many",
      { repositories: ["localhost/zzz", PAYMENTS, "aaa"] },
      { service: "payments", source: "registered-repository" },
    ],
    ["the repository's last segment", { repositories: ["registry.example/x/Thing_2:v1"] }, { service: "thing_2", source: "repository-name" }],
    [
      "whatever the order in which a runtime lists unregistered repositories",
      { repositories: ["zoo.example/zebra", "ape.example/ant"] },
      { service: "ant", source: "repository-name" },
    ],
    ["nothing at all", {}, { service: null, source: null }],
    ["a label that is no name", { labels: { "plumbline.service": "***" }, repositories: ["nginx"] }, { service: "nginx", source: "repository-name" }],
    [
      "an inherited label, image of this service",
      { labels: { "plumbline.service": "payments" }, containersInTarget: 2, repositories: [PAYMENTS] },
      { service: "payments", source: "label" },
    ],
    [
      "an inherited label, image of the mesh: judged as the mesh",
      { container: "proxy", labels: { "plumbline.service": "payments" }, containersInTarget: 2, repositories: [ENVOY] },
      { service: "mesh", source: "registered-repository" },
    ],
    [
      "an inherited label, unregistered sidecar",
      { container: "logs", labels: { "plumbline.service": "payments" }, containersInTarget: 2, repositories: ["fluent/fluentd"] },
      { service: "fluentd", source: "repository-name" },
    ],
    [
      "an inherited label, unregistered image in the place of a component",
      { container: "worker", labels: { "plumbline.service": "payments" }, containersInTarget: 2, repositories: ["evil/miner"] },
      { service: "payments", source: "label" },
    ],
  ])("%s", (_, changes, expected) => {
    expect(mapFacts(facts(changes), rules)).toMatchObject(expected);
  });
});

describe("mapFacts: a service by another name", () => {
  // The rules make pay of payments-api, and pay is a name that payments had before.
  const NAMES: Record<string, string> = { payments: "payments", pay: "payments" };
  const renamed = (rule?: MappingRule): MappingRules => ({ ...rules, decided: compileRuleSet({ rules: rule ? [rule] : [], aliases: { "payments-api": "pay" } }), serviceOf: (name) => (NAMES[name] ? { name: NAMES[name] } : null) });
  const toPay: MappingRule = { name: "teams", match: { target: "web" }, set: { service: "pay" } };

  it.each<[string, Partial<ContainerFacts>, MappingRule | undefined, Pick<MappedFacts, "service" | "source" | "component">]>([
    ["its label, alone", { labels: { "plumbline.service": "pay" } }, undefined, { service: "payments", source: "label", component: "main" }],
    ["an inherited label, image of the service", { labels: { "plumbline.service": "pay" }, containersInTarget: 2, repositories: ["registry.example/pay/worker"] }, undefined, { service: "payments", source: "label", component: "worker" }],
    ["an inherited label, by an alias of the rules", { labels: { "app.kubernetes.io/name": "payments-api" }, containersInTarget: 2, repositories: [PAYMENTS] }, undefined, { service: "payments", source: "kubernetes-name", component: "main" }],
    ["a rule that looks at the target, image of the service", { containersInTarget: 2, repositories: [PAYMENTS] }, toPay, { service: "payments", source: "rule", component: "main" }],
    ["a rule that looks at the target, a component of the service", { container: "worker", containersInTarget: 2, repositories: ["evil/miner"] }, toPay, { service: "payments", source: "rule", component: "worker" }],
    ["a rule that looks at the target, somebody else's image: something is registered of the service", { containersInTarget: 2, repositories: ["fluent/fluentd"] }, toPay, { service: "fluentd", source: "repository-name", component: "main" }],
  ])("%s", (_, changes, rule, expected) => {
    expect(mapFacts(facts(changes), renamed(rule))).toMatchObject(expected);
  });
});

describe("mapFacts: environment", () => {
  it.each<[string, Record<string, string>, string[], string | null]>([
    ["the pool's only one", {}, ["production"], "production"],
    ["the label, one of the pool's", { "plumbline.environment": "staging" }, ["production", "staging"], "staging"],
    ["the label, not the pool's: the only one", { "plumbline.environment": "staging" }, ["production"], "production"],
    ["the label, not the pool's, several", { "plumbline.environment": "dev" }, ["production", "staging"], null],
    ["no label, several", {}, ["production", "staging"], null],
    ["a preview by the pool's rule", { "plumbline.environment": "pr-17" }, ["pr-*"], "pr-17"],
    ["a rule names no environment by itself", {}, ["pr-*"], null],
    ["none", {}, [], null],
  ])("%s", (_, labels, environments, expected) => {
    expect(mapFacts(facts({ labels }), { ...rules, environments }).environment).toBe(expected);
  });
});

describe("mapFacts: partition and component", () => {
  it.each<[string, Record<string, string>, string]>([
    ["no selector matches", {}, "default"],
    ["the first match", { track: "canary", region: "eu-1", tier: "paid" }, "canary"],
    ["all labels of a selector", { region: "eu-1", tier: "paid" }, "eu"],
    ["only some", { region: "eu-1" }, "default"],
  ])("%s", (_, labels, expected) => {
    expect(mapFacts(facts({ labels: { "plumbline.service": "payments", ...labels } }), rules).partition).toBe(expected);
  });

  it.each<[string, Partial<ContainerFacts>, string]>([
    ["by its name", { container: "worker", labels: { "plumbline.service": "payments" }, repositories: [PAYMENTS] }, "worker"],
    ["by its repository", { repositories: ["registry.example/pay/worker"] }, "worker"],
    ["the only one", { labels: { "plumbline.service": "shop" } }, "web"],
    ["otherwise main", { labels: { "plumbline.service": "payments" } }, "main"],
    ["of a service that the ledger does not know", { labels: { "plumbline.service": "unheard" } }, "main"],
  ])("%s", (_, changes, expected) => {
    expect(mapFacts(facts(changes), rules).component).toBe(expected);
  });
});

describe("normalizeRepository", () => {
  it.each([
    ["nginx", "docker.io/library/nginx"],
    ["nginx:1.27", "docker.io/library/nginx"],
    ["docker.io/nginx", "docker.io/library/nginx"],
    ["team/app@sha256:ab", "docker.io/team/app"],
    ["127.0.0.1:5000/app:1@sha256:ab", "127.0.0.1:5000/app"],
    ["localhost/app:latest", "localhost/app"],
    ["Registry.Example/A/B", "registry.example/a/b"],
  ])("%s → %s", (reference, expected) => {
    expect(normalizeRepository(reference)).toBe(expected);
  });

  it("takes the last segment as a name", () => {
    expect(nameFromRepository("127.0.0.1:5000/pay/payments:1.42")).toBe("payments");
  });
});
