import { describe, expect, it } from "vitest";
import { chooseStart, describeCell, moveFocus, toneOfRow } from "./prepare-matrix";
import type { MatrixCell } from "./prepare-matrix";

const cell = (tone: MatrixCell["tone"], notes: MatrixCell["notes"] = []): MatrixCell => ({
  href: "/x",
  version: "1.0.0",
  digest: null,
  total: 1_204,
  parts: [],
  notes,
  tone,
  oldestReportAt: null,
});

describe("moveFocus", () => {
  it("moves within the grid and stops at its edges", () => {
    expect(moveFocus("ArrowDown", { row: 0, column: 1 }, 3, 4)).toEqual({ row: 1, column: 1 });
    expect(moveFocus("ArrowUp", { row: 0, column: 1 }, 3, 4)).toEqual({ row: 0, column: 1 });
    expect(moveFocus("ArrowRight", { row: 0, column: 3 }, 3, 4)).toEqual({ row: 0, column: 3 });
    expect(moveFocus("End", { row: 2, column: 0 }, 3, 4)).toEqual({ row: 2, column: 3 });
    expect(moveFocus("PageDown", { row: 0, column: 0 }, 3, 4)).toEqual({ row: 2, column: 0 });
  });

  it("leaves other keys alone", () => {
    expect(moveFocus("Tab", { row: 0, column: 0 }, 3, 4)).toBeNull();
  });
});

it("begins at the worst cell of the first row, else at its name", () => {
  const row = { service: "a", href: "/a", cells: [cell("match"), null, cell("critical")] };
  expect(chooseStart([row])).toEqual({ row: 0, column: 3 });
  expect(chooseStart([{ ...row, cells: [cell("match")] }])).toEqual({ row: 0, column: 0 });
  expect(chooseStart([])).toEqual({ row: 0, column: 0 });
  expect(toneOfRow(row)).toBe("critical");
});

it("says a cell as a sentence", () => {
  expect(describeCell("payments", "production", cell("drift", [{ shape: "drift", tone: "drift", count: 195, text: "unapproved" }]))).toBe(
    "payments in production: 1.0.0, 1,204 instances, 195 unapproved",
  );
  expect(describeCell("auth", "dev", cell("match"))).toBe("auth in dev: 1.0.0, 1,204 instances, as assigned");
  const part = { name: "eu", version: "1.0.0", digest: null, total: 4, parts: [], tone: "match" as const, pin: null, rolling: false };
  expect(describeCell("auth", "dev", { ...cell("match"), version: "2 releases", partitions: [part, { ...part, name: "default" }], pinned: 1 })).toBe("auth in dev: 2 releases, 1,204 instances, as assigned, 2 partitions, 1 of them pinned");
  expect(describeCell("auth", "dev", { ...cell("match"), pinned: 1 })).toBe("auth in dev: 1.0.0, 1,204 instances, as assigned, pinned");
});
