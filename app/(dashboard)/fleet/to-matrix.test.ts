import { expect, it } from "vitest";
import type { MatrixCell, MatrixDto } from "@/lib/contract/fleet";
import { toMatrix } from "./to-matrix";

const AT = "2026-11-20T02:03:00.000Z";
const release = (version: string) => ({ id: "8a1c2b34-0000-4000-8000-000000000001", version, digest: null });
const whole: MatrixCell = {
  environment: "production", assigned: [{ partition: "default", release: release("1.0.0") }], instances: 5, unhealthy: 0, categories: [{ category: "in-sync", instances: 5 }], worst: "in-sync", severity: "match", rollout: null, held: false,
  pinned: 0, partitions: [], oldestReportAt: AT, newestReportAt: AT,
};
const divided: MatrixCell = {
  ...whole,
  assigned: [{ partition: "acme", release: release("1.0.0") }, { partition: "default", release: release("2.0.0") }],
  pinned: 1,
  partitions: [
    { name: "acme", assigned: release("1.0.0"), instances: 2, categories: [{ category: "in-sync", instances: 2 }], severity: "match", pin: { reason: "by contract", until: AT }, rolling: false },
    { name: "default", assigned: release("2.0.0"), instances: 3, categories: [{ category: "behind", instances: 1 }, { category: "in-sync", instances: 2 }], severity: "drift", pin: null, rolling: false },
  ],
};
const dto = (cell: MatrixCell): MatrixDto => ({
  asOf: AT, previews: 0, environments: [{ name: "production", protected: true, mode: "observe", kind: "permanent", ordinal: 0, requiredApprovals: 0 }], rows: [{ service: "payments", adopted: true, severity: cell.severity, previews: null, cells: [cell] }], rowsInAll: 1,
  totals: { instances: 5, inSync: 5, silent: 0, deviating: 0, unmapped: 0, ignored: 0, ignoringRules: 0, agents: 1, silentAgents: 0 }, coverage: { complete: true, scopes: 1, incomplete: 0 }, ledger: { size: 1, root: null, heldBy: 1, agents: 1, fault: null },
});
const cellOf = (cell: MatrixCell) => toMatrix(dto(cell), { search: "", deviating: false }).rows[0]?.cells[0];

it("leaves a cell with one partition as it is", () => {
  const cell = cellOf(whole);
  expect(cell).toMatchObject({ version: "1.0.0", parts: [{ tone: "match", count: 5 }], pinned: 0 });
  expect(cell).not.toHaveProperty("partitions");
});

it("shows each partition's share in declared order, releases side by side without a colour", () => {
  expect(cellOf(divided)).toMatchObject({
    version: "2 releases",
    pinned: 1,
    parts: [{ tone: "match", count: 2, label: "acme as assigned" }, { tone: "drift", count: 1 }, { tone: "match", count: 2, label: "default as assigned" }],
    partitions: [
      { name: "acme", version: "1.0.0", total: 2, tone: "match", pin: "by contract, until 20 Nov 02:03:00 UTC" },
      { name: "default", version: "2.0.0", total: 3, tone: "drift", pin: null },
    ],
  });
});
