import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FindingChanges, ObservedFinding, OpenFinding } from "@/lib/domain/drift/reconcile-findings";
import { diffFindings, MAX_SAMPLE_KEYS } from "@/lib/domain/drift/reconcile-findings";

const NOW = 1000;
const finding = (changes: Partial<ObservedFinding> = {}): ObservedFinding => ({
  target: "t1",
  category: "behind",
  image: "a1",
  count: 1,
  sampleKeys: ["i1"],
  since: 10,
  ...changes,
});

/** What the store holds afterwards. New findings get an id from their key, as a stand-in for a random one. */
function apply(open: readonly OpenFinding[], changes: FindingChanges): OpenFinding[] {
  const resolved = new Set(changes.resolve.map(({ id }) => id));
  const updated = new Map(changes.update.map((next) => [next.id, next]));
  const opened = changes.open.map(({ category, count, image, sampleKeys, since, target }) => ({
    category,
    count,
    image,
    sampleKeys,
    since,
    target,
    id: `new ${target} ${category} ${image}`,
  }));
  return [...open.filter(({ id }) => !resolved.has(id)).map((old) => updated.get(old.id) ?? old), ...opened].sort(
    (a, b) => (a.id < b.id ? -1 : 1),
  );
}

const isEmpty = (changes: FindingChanges): boolean =>
  changes.open.length + changes.update.length + changes.resolve.length === 0;

describe("diffFindings", () => {
  it("opens what is new", () => {
    expect(diffFindings([], [finding()], NOW)).toEqual({
      open: [{ ...finding(), openedAt: NOW }],
      update: [],
      resolve: [],
    });
  });

  it("resolves what is gone", () => {
    expect(diffFindings([{ ...finding(), id: "f1" }], [], NOW)).toEqual({
      open: [],
      update: [],
      resolve: [{ id: "f1", resolvedAt: NOW }],
    });
  });

  it("closes nothing that is absent from an incomplete report", () => {
    expect(isEmpty(diffFindings([{ ...finding(), id: "f1" }], [], NOW, false))).toBe(true);
  });

  it("leaves alone what did not change", () => {
    expect(isEmpty(diffFindings([{ ...finding(), id: "f1" }], [finding()], NOW))).toBe(true);
  });

  it("updates a count and keeps the earliest beginning", () => {
    const changes = diffFindings([{ ...finding(), id: "f1" }], [finding({ count: 4, since: 50 })], NOW);
    expect(changes).toEqual({ open: [], update: [{ ...finding({ count: 4 }), id: "f1" }], resolve: [] });
  });

  it("tells the same target, category and another image apart", () => {
    const changes = diffFindings([{ ...finding(), id: "f1" }], [finding({ image: "a2" })], NOW);
    expect(changes.open.map(({ image }) => image)).toEqual(["a2"]);
    expect(changes.resolve.map(({ id }) => id)).toEqual(["f1"]);
  });

  it("adds up observations of one key and names few samples", () => {
    const many = Array.from({ length: 9 }, (_, index) => finding({ sampleKeys: [`i${9 - index}`], since: 90 - index }));
    const [opened] = diffFindings([], many, NOW).open;
    expect(opened).toMatchObject({ count: 9, since: 82, sampleKeys: ["i1", "i2", "i3", "i4", "i5"] });
    expect(opened?.sampleKeys).toHaveLength(MAX_SAMPLE_KEYS);
  });

  it("resolves the surplus when one key is open twice", () => {
    const open = [
      { ...finding(), id: "f2" },
      { ...finding(), id: "f1" },
    ];
    const surplus = [{ id: "f2", resolvedAt: NOW }];
    expect(diffFindings(open, [finding()], NOW).resolve).toEqual(surplus);
    expect(diffFindings(open, [finding()], NOW, false).resolve).toEqual(surplus);
  });

  const observations = fc.array(
    fc.record({
      target: fc.constantFrom("t1", "t2"),
      category: fc.constantFrom("behind" as const, "mutated" as const, "silent" as const),
      image: fc.constantFrom("a1", "a2", null),
      count: fc.integer({ min: 1, max: 5 }),
      sampleKeys: fc.subarray(["i1", "i2", "i3", "i4", "i5", "i6", "i7"]),
      since: fc.integer({ min: 0, max: 100 }),
    }),
    { maxLength: 12 },
  );

  it("is idempotent: a second run has nothing to do", () => {
    fc.assert(
      fc.property(observations, observations, (earlier, later) => {
        const first = apply([], diffFindings([], earlier, NOW));
        const second = apply(first, diffFindings(first, later, NOW + 1));
        expect(isEmpty(diffFindings(second, later, NOW + 2))).toBe(true);
      }),
    );
  });

  it("converges for every order of what is open and what is observed", () => {
    const shuffled = observations.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(observations, shuffled, (earlier, [later, permuted]) => {
        const open = apply([], diffFindings([], earlier, NOW));
        const straight = diffFindings(open, later, NOW);
        expect(diffFindings(open.toReversed(), permuted, NOW)).toEqual({
          ...straight,
          update: expect.arrayContaining(straight.update),
          resolve: expect.arrayContaining(straight.resolve),
        });
        expect(apply(open, diffFindings(open.toReversed(), permuted, NOW))).toEqual(apply(open, straight));
      }),
    );
  });
});
