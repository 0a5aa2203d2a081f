import { describe, expect, it } from "vitest";
import { describeChange, describeRule, type DescribedPlace } from "@/lib/domain/fleet/describe-mapping";
import type { MappingRule } from "@/lib/domain/fleet/mapping-rules";

const place = (changes: Partial<DescribedPlace> = {}): DescribedPlace => ({ service: "shop", environment: "dev", partition: "default", component: "main", ignoredBy: null, ...changes });

describe("describeRule", () => {
  it.each<[MappingRule, { where: string; effect: string }]>([
    [{ name: "mesh", match: { container: "istio-*", namespace: "shop" }, ignore: "the mesh" }, { where: "namespace is shop, container is istio-*", effect: "ignored: the mesh" }],
    [{ name: "team", match: { labels: { app: "*" } }, set: { component: "web", service: "{label:app}" } }, { where: "label app is *", effect: "service is {label:app}, component is web" }],
  ])("%j", (rule, expected) => {
    expect(describeRule(rule)).toEqual(expected);
  });
});

describe("describeChange", () => {
  it.each<[string, DescribedPlace, DescribedPlace, string]>([
    ["another service", place(), place({ service: "cart" }), "shop → cart"],
    ["nobody's", place({ service: null }), place(), "no service → shop"],
    ["ignored", place(), place({ service: null, ignoredBy: "mesh" }), "shop → ignored by mesh"],
    ["another environment", place(), place({ environment: "staging" }), "shop, in dev → shop, in staging"],
    ["another partition and component", place(), place({ partition: "eu", component: "web" }), "shop, partition default, component main → shop, partition eu, component web"],
    ["what is not the usual", place({ partition: "eu" }), place({ partition: "eu", service: "cart" }), "shop, partition eu → cart, partition eu"],
  ])("%s", (_, from, to, expected) => {
    expect(Object.values(describeChange({ from, to })).join(" → ")).toBe(expected);
  });
});
