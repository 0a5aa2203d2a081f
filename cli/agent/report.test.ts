import { describe, expect, it } from "vitest";
import { inventoryReport } from "@/lib/contract/agent";
import { buildDelta, buildFull, indexObservation } from "./report";
import type { Observation } from "./runtimes/runtime";

const digest = (seed: number) => `sha256:${seed.toString(16).padStart(64, "0")}`;
const frame = { bootId: "boot-0001", seq: 1, observedAt: "2026-01-01T00:00:00.000Z", events: [] };

function observe(instances: { key: string; image: number; health?: "healthy" }[], complete = true): Observation {
  return {
    complete,
    errors: [],
    images: new Map(instances.map(({ image }) => [String(image), { digests: [{ digest: digest(image), kind: "manifest" as const }] }])),
    targets: [...new Set(instances.map((one) => one.key.split("#")[0] ?? ""))].map((key) => ({ key, desired: 1 })),
    instances: instances.map(({ key, image, health = "unknown" as const }) => ({ key, target: key.split("#")[0] ?? "", image: String(image), state: "running", health })),
  };
}

describe("reports", () => {
  it("a full one names each image once, and is what the contract takes", () => {
    const [report, ...rest] = buildFull(observe([{ key: "a#1", image: 1 }, { key: "a#2", image: 1 }, { key: "b#1", image: 2 }]), frame);
    expect(rest).toEqual([]);
    expect(report?.images).toHaveLength(2);
    expect(report?.instances?.map((one) => one.image)).toEqual([0, 0, 1]);
    expect(inventoryReport.safeParse(report).error).toBeUndefined();
  });
  it("an unchanged delta holds nothing", () => {
    const observation = observe([{ key: "a#1", image: 1 }]);
    expect(buildDelta(observation, indexObservation(observation), frame)).toMatchObject({ kind: "delta", images: [], targets: [], instances: [], removed: [] });
  });
  it("a delta holds what changed, also when only the image's aliases did, and what is gone", () => {
    const before = indexObservation(observe([{ key: "a#1", image: 1 }, { key: "b#1", image: 2 }, { key: "c#1", image: 3 }]));
    const after = observe([{ key: "a#1", image: 1, health: "healthy" }, { key: "b#1", image: 2 }]);
    after.images.set("2", { digests: [{ digest: digest(2), kind: "manifest" }, { digest: digest(9), kind: "index" }] });
    const delta = buildDelta(after, before, frame);
    expect(delta.instances?.map((one) => one.key)).toEqual(["a#1", "b#1"]);
    expect(delta.removed).toEqual(["c#1", "target:c"]);
    expect(inventoryReport.safeParse(delta).error).toBeUndefined();
  });
  it("nothing is gone while the coverage is incomplete", () => {
    const before = indexObservation(observe([{ key: "a#1", image: 1 }, { key: "b#1", image: 2 }]));
    expect(buildDelta(observe([{ key: "a#1", image: 1 }], false), before, frame)).toMatchObject({ removed: [], coverage: { complete: false } });
  });
  it("a large one is cut into parts that each fit and together hold everything", () => {
    const observation = observe(Array.from({ length: 30_000 }, (_, index) => ({ key: `service-${index}#${"x".repeat(100)}`, image: index % 50 })));
    const parts = buildFull(observation, frame);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.map((part) => [part.part, part.parts])).toEqual(parts.map((_, index) => [index + 1, parts.length]));
    expect(parts.flatMap((part) => part.instances ?? [])).toHaveLength(30_000);
    expect(parts.flatMap((part) => part.targets ?? [])).toHaveLength(30_000);
    for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(4 * 1024 * 1024);
  });
});
