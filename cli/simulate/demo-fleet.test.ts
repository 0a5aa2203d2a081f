import { expect, it } from "vitest";
import { DEMO_ENVIRONMENTS, DEMO_SERVICES, demoImage, findDemoImage, makeDemoClusters } from "./demo-fleet";

const clusters = makeDemoClusters(new Date("2026-11-20T02:16:24Z"));
const instances = clusters.flatMap((cluster) => cluster.targets.flatMap((target) => target.instances));

it("is about 2,000 instances of 5 services in 3 environments", () => {
  expect(instances.length).toBeGreaterThan(1_800);
  expect(instances.length).toBeLessThan(2_400);
  expect(DEMO_SERVICES).toHaveLength(5);
  expect(new Set(clusters.map((cluster) => cluster.environment))).toEqual(new Set(DEMO_ENVIRONMENTS));
});

it("drifts for every reason that it means to show", () => {
  const running = (service: string, version: string) => instances.filter((instance) => instance.image === demoImage(service, version)).length;
  expect(running("catalog", "3.17.4")).toBe(9);
  expect(running("catalog", "3.18.1-hotfix.2")).toBe(31);
  expect(running("checkout", "7.8.3")).toBe(12);
  expect(instances.filter((instance) => instance.mutated !== null)).toHaveLength(2);
});

it("names every instance once within its cluster", () => {
  for (const cluster of clusters) {
    const keys = cluster.targets.flatMap((target) => target.instances.map((instance) => instance.key));
    expect(new Set(keys).size).toBe(keys.length);
  }
});

it("knows every image by manifest and by config digest, and one that nobody registered", () => {
  const unknown = instances.filter((instance) => findDemoImage(instance.image.digest) === null);
  expect(unknown).toHaveLength(1);
  for (const instance of instances) if (!unknown.includes(instance)) expect(findDemoImage(instance.image.configDigest)).toBe(instance.image);
});
