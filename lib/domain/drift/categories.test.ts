import { describe, expect, it } from "vitest";
import {
  DRIFT_CATEGORIES,
  FINDING_KINDS,
  opensFinding,
  rankCategory,
  severityOf,
  SEVERITIES,
  sortWorstFirst,
} from "@/lib/domain/drift/categories";

describe("categories", () => {
  it("sorts worst first and drops repetitions", () => {
    expect(sortWorstFirst(["in-sync", "behind", "recalled", "behind"])).toEqual(["recalled", "behind", "in-sync"]);
  });

  it("opens no finding for what is neutral, rolling or right", () => {
    expect(DRIFT_CATEGORIES.filter((category) => !opensFinding(category))).toEqual([
      "not-adopted",
      "ignored",
      "in-transition",
      "in-sync",
    ]);
  });

  it("gives every kind a hue, and no worse category a milder one among those that open findings", () => {
    for (const kind of [...DRIFT_CATEGORIES, ...FINDING_KINDS]) expect(SEVERITIES).toContain(severityOf(kind));
    const weights = DRIFT_CATEGORIES.filter(opensFinding).map((category) => SEVERITIES.indexOf(severityOf(category)));
    expect(weights).toEqual(weights.toSorted((a, b) => a - b));
    expect(rankCategory("unknown-artifact")).toBe(0);
  });
});
