import { expect, it } from "vitest";
import { DEMO_ENVIRONMENTS, DEMO_SERVICES, findDemoImage, makeDemoClusters } from "./demo-fleet";

const clusters = makeDemoClusters(new Date("2026-11-20T02:16:24Z"));
const instances = clusters.flatMap((cluster) => cluster.targets.flatMap((target) => target.instances));

it("is about 2,000 instances of 5 services in 3 environments", () => {
  expect(instances.length).toBeGreaterThan(1_800);
  expect(instances.length).toBeLessThan(2_400);
  expect(DEMO_SERVICES).toHaveLength(5);
  expect(new Set(clusters.map((cluster) => cluster.environment))).toEqual(new Set(DEMO_ENVIRONMENTS));
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
