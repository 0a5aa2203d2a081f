import { describe, expect, it } from "vitest";
import { mapFacts, type ContainerFacts, type MappedFacts, type MappingRules } from "@/lib/domain/fleet/map-facts";
import { checkRuleSet, compileRuleSet, EMPTY_RULE_SET, listRuleChanges, MOST_RULES, type MappingRule, type MappingRuleSet } from "@/lib/domain/fleet/mapping-rules";

const PAYMENTS = "registry.example/pay/payments";
const ENVOY = "registry.example/mesh/envoy";
const OWNERS: Record<string, { service: string; component: string }[]> = { [PAYMENTS]: [{ service: "payments", component: "main" }] };
const COMPONENTS: Record<string, string[]> = { payments: ["main"], shop: ["web", "worker"] };

const ledger = (set: Partial<MappingRuleSet>, environments: readonly string[] = ["production"]): MappingRules => ({
  decided: compileRuleSet({ ...EMPTY_RULE_SET, ...set }),
  environments,
  serviceOf: () => null,
  ownersOf: (repository) => OWNERS[repository] ?? [],
  componentsOf: (service) => COMPONENTS[service] ?? [],
  partitionsOf: () => [{ name: "eu", selector: { region: "eu-*" } }],
});
const facts = ({ origin, ...changes }: Partial<Omit<ContainerFacts, "origin">> & { origin?: Partial<ContainerFacts["origin"]> } = {}): ContainerFacts => ({
  container: "app",
  labels: {},
  containersInTarget: 1,
  repositories: [],
  ...changes,
  origin: { image: null, target: "web", namespace: null, agent: "host-a", pool: "hosts", ...origin },
});
const ignore = (name: string, match: MappingRule["match"]): MappingRule => ({ name, match, ignore: "not ours" });
const set = (name: string, match: MappingRule["match"], decided: MappingRule["set"]): MappingRule => ({ name, match, set: decided });

describe("what a rule looks at", () => {
  it.each<[string, MappingRule["match"], Parameters<typeof facts>[0], boolean]>([
    ["the container", { container: "istio-*" }, { container: "istio-proxy" }, true],
    ["another container", { container: "istio-*" }, { container: "app" }, false],
    ["a repository as people write it", { repository: "nginx" }, { repositories: ["docker.io/library/nginx:1.27"] }, true],
    ["any of an image's repositories", { repository: "*/mesh/*" }, { repositories: ["localhost/x", ENVOY] }, true],
    ["the reference that it was started from", { image: "*:latest" }, { origin: { image: "nginx:latest" } }, true],
    ["a reference that nobody knows", { image: "*" }, {}, false],
    ["a label", { labels: { app: "shop-*" } }, { labels: { app: "shop-web" } }, true],
    ["a label that is not there", { labels: { app: "*" } }, {}, false],
    ["nothing that only looks like a label", { labels: { constructor: "*" } }, {}, false],
    ["the target", { target: "shop/*" }, { origin: { target: "shop/web" } }, true],
    ["the namespace", { namespace: "kube-*" }, { origin: { namespace: "kube-system" } }, true],
    ["no namespace", { namespace: "*" }, {}, false],
    ["the agent", { agent: "edge-*" }, { origin: { agent: "edge-7" } }, true],
    ["the pool", { pool: "edge" }, {}, false],
    ["all that it names", { container: "app", namespace: "shop" }, { origin: { namespace: "pay" } }, false],
  ])("%s", (_, match, changes, expected) => {
    expect(mapFacts(facts(changes), ledger({ rules: [ignore("rule", match)] })).ignored !== null).toBe(expected);
  });
});

describe("what rules decide", () => {
  const shop = { labels: { app: "shop", "plumbline.service": "labelled" }, repositories: [PAYMENTS] };
  it.each<[string, MappingRule[], Parameters<typeof facts>[0], Partial<MappedFacts>]>([
    ["before every label and image", [set("r", { container: "app" }, { service: "ours" })], shop, { service: "ours", source: "rule" }],
    ["what a label says", [set("r", { labels: { app: "*" } }, { service: "{label:app}" })], shop, { service: "shop" }],
    ["what a label says, as a name", [set("r", { container: "*" }, { service: "team-{label:app}" })], { labels: { app: "Shop Web" } }, { service: "team-shop-web" }],
    ["nothing, when what it repeats is not there", [set("r", { container: "*" }, { service: "{namespace}" })], shop, { service: "labelled", source: "label" }],
    ["the last part of the repository that matched", [set("r", { repository: "*/mesh/*" }, { service: "{repository.last}" })], { repositories: ["a/first", ENVOY] }, { service: "envoy" }],
    ["each field by the first that sets it", [set("a", { container: "*" }, { partition: "blue" }), set("b", { container: "*" }, { service: "ours", partition: "green" })], {}, { service: "ours", partition: "blue" }],
    ["not the partition of nobody's", [set("a", { container: "*" }, { partition: "blue" })], {}, { service: null, partition: "default" }],
    ["what the others leave open", [set("a", { container: "*" }, { component: "web" })], { labels: { "plumbline.service": "shop", region: "eu-1" } }, { service: "shop", component: "web", partition: "eu" }],
    ["to ignore, before a later rule that says whose it is", [ignore("a", { container: "app" }), set("b", { container: "*" }, { service: "ours" })], shop, { service: null, source: null, ignored: { rule: "a", reason: "not ours" } }],
    ["whose it is, before a later rule that ignores", [set("b", { container: "app" }, { service: "ours" }), ignore("a", { container: "*" })], shop, { service: "ours", ignored: null }],
  ])("%s", (_, rules, changes, expected) => {
    expect(mapFacts(facts(changes), ledger({ rules }))).toMatchObject(expected);
  });

  it("an environment only within the agent's pool", () => {
    const rules = [set("r", { namespace: "*" }, { environment: "{namespace}" })];
    const at = (namespace: string) => mapFacts(facts({ labels: { "plumbline.environment": "staging" }, origin: { namespace } }), ledger({ rules }, ["staging", "production"])).environment;
    expect([at("production"), at("finance")]).toEqual(["production", "staging"]);
  });

  it("another service for a name that is an alias, through all of them", () => {
    const rules = ledger({ aliases: { "payments-api": "pay", pay: "payments" } });
    expect(mapFacts(facts({ labels: { "plumbline.service": "payments-api" } }), rules)).toMatchObject({ service: "payments", source: "label", component: "main" });
  });

  it("says what decided each field", () => {
    const rules = ledger({ rules: [set("ours", { container: "app" }, { service: "shop" })] });
    expect(mapFacts(facts({ labels: { region: "eu-1" } }), rules).because).toEqual({
      service: { by: "rule", rule: "ours" },
      environment: { by: "only-environment", rule: null },
      partition: { by: "selector", rule: null },
      component: { by: "nothing", rule: null },
    });
    expect(mapFacts(facts({ repositories: [PAYMENTS] }), ledger({})).because).toMatchObject({ service: { by: "registered-repository" }, component: { by: "registered-repository" } });
    expect(mapFacts(facts(), ledger({ rules: [ignore("noise", { pool: "hosts" })] })).because.service).toEqual({ by: "rule", rule: "noise" });
  });
});

describe("several containers in one target", () => {
  const proxy = { container: "istio-proxy", containersInTarget: 2, repositories: [ENVOY], origin: { namespace: "pay" } };
  const app = { container: "app", containersInTarget: 2, repositories: [PAYMENTS], origin: { namespace: "pay" } };
  const byNamespace = set("pay", { namespace: "pay" }, { service: "payments", component: "main" });

  it("a rule about the target leaves a container alone that its service does not claim", () => {
    const rules = ledger({ rules: [byNamespace] });
    expect(mapFacts(facts(app), rules)).toMatchObject({ service: "payments", source: "rule" });
    expect(mapFacts(facts(proxy), rules)).toMatchObject({ service: "envoy", source: "repository-name" });
  });
  it("but speaks for all of a service of which nothing is registered yet", () => {
    const rules = ledger({ rules: [set("pay", { namespace: "pay" }, { service: "new" })] });
    expect(mapFacts(facts(proxy), rules)).toMatchObject({ service: "new" });
    expect(mapFacts(facts(app), rules)).toMatchObject({ service: "payments", source: "registered-repository" });
  });
  it("a rule about the container says whose it is, or ignores it, whatever its target is", () => {
    const mesh = ledger({ rules: [set("mesh", { container: "istio-proxy" }, { service: "mesh", component: "proxy" }), byNamespace] });
    expect(mapFacts(facts(proxy), mesh)).toMatchObject({ service: "mesh", component: "proxy" });
    expect(mapFacts(facts(app), mesh)).toMatchObject({ service: "payments" });
    expect(mapFacts(facts(proxy), ledger({ rules: [ignore("mesh", { container: "istio-proxy" }), byNamespace] })).ignored).toMatchObject({ rule: "mesh" });
  });
});

describe("listRuleChanges", () => {
  const named = (...rules: MappingRule[]): MappingRuleSet => ({ rules, aliases: {} });
  const [a, b] = [ignore("a", { labels: { x: "1", y: "2" } }), ignore("b", { container: "b" })];
  it.each<[string, MappingRuleSet, MappingRuleSet, string[]]>([
    ["nothing, for another order of labels", named(a), named(ignore("a", { labels: { y: "2", x: "1" } })), []],
    ["a rule that differs, one that came and one that went", named(a, b), named(ignore("a", { container: "a" }), ignore("c", { container: "c" })), ["The rule a reads otherwise.", "The rule c is there, and not in yours.", "The rule b is not there."]],
    ["another order of rules", named(a, b), named(b, a), ["The rules stand in another order."]],
    ["aliases", { rules: [], aliases: { old: "new", gone: "x" } }, { rules: [], aliases: { old: "newer" } }, ["old means newer.", "gone means no other service."]],
  ])("%s", (_, sent, stands, expected) => {
    expect(listRuleChanges(sent, stands)).toEqual(expected);
  });
  it("in ten lines at most", () => {
    const many = named(...Array.from({ length: 30 }, (_, at) => ignore(`r${at}`, { container: `${at}` })));
    expect(listRuleChanges(many, named())).toHaveLength(10);
    expect(listRuleChanges(many, named()).at(-1)).toBe("And 21 more differences.");
  });
});

describe("checking a set", () => {
  const words = (rules: MappingRule[], aliases: Record<string, string> = {}): string[] => checkRuleSet({ rules, aliases }).map(({ severity, path, message }) => `${severity} ${path} ${message}`);

  it("finds nothing in a good one", () => {
    expect(words([ignore("mesh", { container: "istio-proxy" }), set("team", { namespace: "shop-*" }, { service: "{label:app}", environment: "production" })], { old: "new" })).toEqual([]);
  });

  it.each<[string, MappingRule[], string]>([
    ["two of one name", [ignore("a", { container: "x" }), ignore("a", { container: "y" })], "error rules[1].name is the name of rules[0] too"],
    ["an empty match", [ignore("a", {})], "error rules[0].match names nothing, and would match everything"],
    ["an empty match of labels", [ignore("a", { labels: {} })], "error rules[0].match names nothing"],
    ["an empty pattern", [ignore("a", { labels: { app: "" } })], "error rules[0].match.labels.app is empty"],
    ["too many wildcards", [ignore("a", { container: "*a".repeat(9) })], "error rules[0].match.container has more than 8"],
    ["nothing to do", [{ name: "a", match: { container: "x" } }], "error rules[0] decides nothing"],
    ["nothing to set", [set("a", { container: "x" }, {})], "error rules[0] decides nothing"],
    ["both at once", [{ name: "a", match: { container: "x" }, ignore: "x", set: { service: "y" } }], "error rules[0] ignores what matches and says whose it is"],
    ["an unknown part", [set("a", { container: "x" }, { service: "{pod}" })], "error rules[0].set.service repeats {pod}, which is nothing that is known"],
    ["a label without a name", [set("a", { container: "x" }, { service: "{label:}" })], "error rules[0].set.service repeats {label:}"],
    ["an open brace", [set("a", { container: "x" }, { service: "{label:app" })], "error rules[0].set.service has a brace that is not closed"],
    ["what is no name", [set("a", { container: "x" }, { service: "Pay ments" })], "error rules[0].set.service must be a name"],
    ["what an earlier one takes", [ignore("wide", { container: "istio-*" }), ignore("narrow", { container: "istio-proxy", namespace: "x" })], "warning rules[1] never decides anything: all that it matches is decided before by rules[0] (wide)"],
    ["what two earlier ones take together", [set("a", { container: "*" }, { service: "s" }), set("b", { container: "*" }, { partition: "p" }), set("c", { container: "x" }, { service: "t", partition: "q" })], "warning rules[2] never decides anything: all that it matches is decided before by rules[0] (a) and rules[1] (b)"],
    ["the same repository in another spelling", [ignore("a", { repository: "nginx" }), ignore("b", { repository: "docker.io/library/nginx" })], "warning rules[1] never decides anything"],
  ])("%s", (_, rules, expected) => {
    expect(words(rules).join("\n")).toContain(expected);
  });

  it.each<[string, MappingRule[]]>([
    ["an earlier one that is narrower", [ignore("a", { container: "istio-proxy" }), ignore("b", { container: "istio-*" })]],
    ["an earlier one that sets something else", [set("a", { container: "*" }, { partition: "p" }), set("b", { container: "x" }, { service: "s" })]],
    ["an earlier one that may find nothing to repeat", [set("a", { container: "*" }, { service: "{namespace}" }), set("b", { container: "x" }, { service: "s" })]],
    ["an environment that may not be the pool's", [set("a", { container: "*" }, { environment: "production" }), set("b", { container: "x" }, { environment: "staging" })]],
    ["a pattern that only overlaps", [ignore("a", { container: "a*" }), ignore("b", { container: "*a" })]],
  ])("warns of no cover by %s", (_, rules) => {
    expect(words(rules)).toEqual([]);
  });

  it("refuses aliases that lead back to themselves, and says the way", () => {
    expect(words([], { a: "b", b: "a", c: "a" })).toEqual(["error aliases.a leads back to itself: a → b → a", "error aliases.b leads back to itself: b → a → b"]);
    expect(words([], { a: "a" })).toEqual(["error aliases.a leads back to itself: a → a"]);
    expect(words([], { a: "Not A Name" })).toEqual(['error aliases.a means "Not A Name", which is not a name']);
  });

  it("refuses more than can be held against every container", () => {
    const many = Array.from({ length: MOST_RULES + 1 }, (_, at) => ignore(`rule-${at}`, { container: `c-${at}` }));
    expect(words(many)).toEqual([`error rules has ${MOST_RULES + 1} rules; at most ${MOST_RULES} are held against every container`]);
    expect(words(many.slice(1))).toEqual([]);
  });

  it("reads only what its rules look at", () => {
    const { uses } = compileRuleSet({ rules: [set("a", { labels: { tier: "*" } }, { service: "{label:app}-{namespace}" })], aliases: {} });
    expect([uses.labels, [...uses.fields]]).toEqual([["app", "tier"], ["namespace"]]);
  });
});
