import { describe, expect, it } from "vitest";
import type { VerdictPart } from "@/components/ui/verdict";
import type { MatrixCell, MatrixDto } from "@/lib/contract/fleet";
import { describeCoverage, describeFleet, describeObserving, describeTotals } from "./describe-fleet";
import { toMatrix } from "./to-matrix";

const AT = "2026-11-20T02:16:24.000Z";

function cell(over: Partial<MatrixCell> = {}): MatrixCell {
  return {
    environment: "production",
    assigned: [{ partition: "default", release: { id: "8a1c2b34-0000-4000-8000-000000000001", version: "1.41.2", digest: `sha256:${"d7c37ce".padEnd(64, "0")}` } }],
    instances: 10,
    unhealthy: 0,
    categories: [{ category: "in-sync", instances: 10 }],
    worst: "in-sync",
    severity: "match",
    rollout: null,
    held: false,
    pinned: 0,
    partitions: [],
    oldestReportAt: AT,
    newestReportAt: AT,
    ...over,
  };
}

function fleet(rows: MatrixDto["rows"], over: Partial<MatrixDto["totals"]> = {}, coverage: MatrixDto["coverage"] = { complete: true, scopes: 2, incomplete: 0 }): MatrixDto {
  const environment = (name: string, ordinal: number) => ({ name, protected: name === "production", mode: "observe" as const, kind: "permanent" as const, ordinal, requiredApprovals: 0 });
  return {
    asOf: AT,
    environments: [environment("dev", 0), environment("staging", 1), environment("production", 2)],
    previews: rows.some((one) => one.previews) ? 3 : 0,
    rows,
    rowsInAll: rows.length,
    totals: { instances: 10, inSync: 10, silent: 0, deviating: 0, unmapped: 0, ignored: 0, ignoringRules: 0, agents: 2, silentAgents: 0, ...over },
    coverage,
    ledger: { size: 4, root: null, heldBy: 0, agents: 0, fault: null },
  };
}

function row(service: string, cells: MatrixCell[]): MatrixDto["rows"][number] {
  return { service, adopted: true, severity: cells[0]?.severity ?? "match", cells, previews: null };
}

/** The sentence as it is read; a shape as its name in brackets. */
function say(parts: readonly VerdictPart[]): string {
  return parts.map((part) => (typeof part === "string" ? part : "strong" in part ? part.strong : "link" in part ? part.link : `[${part.shape}] `)).join("");
}

const recalled = cell({ severity: "critical", worst: "recalled", instances: 204, categories: [{ category: "recalled", instances: 9 }, { category: "unapproved", instances: 195 }] });
const rolling = cell({ severity: "rolling", worst: "in-transition", categories: [{ category: "in-transition", instances: 892 }], rollout: { id: "8a1c2b34-0000-4000-8000-000000000002", number: 2292, kind: "rollback", verified: 312, total: 1204 } });
const silent = cell({ severity: "unknown", worst: "silent", categories: [{ category: "silent", instances: 531 }] });

describe("describeFleet", () => {
  it.each<[string, MatrixDto, string]>([
    ["nobody reports", fleet([], { agents: 0, instances: 0, inSync: 0 }), "No host reports yet. Connect one, and this page says what really runs on it."],
    ["agents, nothing runs", fleet([], { agents: 1, instances: 0, inSync: 0 }), "1 agent reports, and nothing runs yet."],
    ["all is well", fleet([row("payments", [cell()])]), "Everything that is assigned runs as assigned: 10 instances of 1 service."],
    ["nothing assigned", fleet([row("payments", [cell({ assigned: [], severity: "neutral", worst: "not-adopted", categories: [{ category: "not-adopted", instances: 10 }] })])], { inSync: 0 }), "10 instances run; nothing is assigned to them yet."],
    ["an agent is silent", fleet([row("payments", [cell()])], { silentAgents: 1 }), "Everything that is assigned runs as assigned: 10 instances of 1 service. 1 agent is silent."],
    ["recalled and unapproved", fleet([row("catalog", [recalled])]), "[critical] catalog runs recalled code in production: 9 instances and 195 unapproved. "],
    ["a rollback under way", fleet([row("payments", [rolling])]), "[rolling] payments is rolling back in production, 312 of 1,204 verified. "],
    ["silence is unknown, not well", fleet([row("search", [silent])]), "[unknown] search: 531 silent in production. "],
    [
      "worst first, the rest counted",
      fleet([row("search", [silent]), row("payments", [rolling]), row("auth", [silent]), row("catalog", [recalled]), row("billing", [silent])]),
      "[critical] catalog runs recalled code in production: 9 instances and 195 unapproved. [rolling] payments is rolling back in production, 312 of 1,204 verified. [unknown] auth: 531 silent in production. 2 more deviate.",
    ],
  ])("%s", (_name, dto, sentence) => {
    expect(say(describeFleet(dto))).toBe(sentence);
  });
});

describe("describeTotals and describeCoverage", () => {
  it("say how much deviates and what is covered", () => {
    const dto = fleet([row("catalog", [recalled, cell({ environment: "dev" })])], { instances: 214, inSync: 10, unmapped: 1, silentAgents: 1 }, { complete: false, scopes: 40, incomplete: 2 });
    expect(describeTotals(dto)).toBe("1 of 2 deviate; 10 of 214 instances run as assigned. 1 instance belongs to no known service.");
    const ignoring = fleet([row("catalog", [cell()])], { instances: 14, unmapped: 1_200, ignored: 3, ignoringRules: 2 });
    expect(describeTotals(ignoring)).toBe("0 of 1 deviate; 10 of 14 instances run as assigned. 1,200 instances belong to no known service. 3 instances are ignored by 2 rules.");
    expect(describeTotals({ ...ignoring, rowsInAll: 9_000 })).toContain("The worst 1 of 9,000 services are shown.");
    expect(describeCoverage(dto)).toBe("Coverage: 1 of 2 agents heard, 2 of 40 scopes incomplete.");
    expect(describeCoverage(fleet([]))).toBe("Coverage: 2 of 2 agents heard, all 2 scopes complete.");
    expect(describeCoverage(fleet([], { agents: 0 }))).toBe("Coverage: no agent reports.");
  });
});

describe("toMatrix", () => {
  it("folds what runs in previews into one column, without a verdict, and has none without them", () => {
    const { environments, rows } = toMatrix(fleet([{ ...row("catalog", [recalled]), previews: { environments: 2, instances: 5 } }, row("orders", [])]), { search: "", deviating: false });
    expect(environments.map(({ name }) => name)).toEqual(["previews", "dev", "staging", "production"]);
    expect(rows.map(({ cells }) => cells[0])).toMatchObject([{ total: 5, tone: "neutral", version: null, notes: [{ count: 2, text: "previews" }] }, null]);
    expect(toMatrix(fleet([row("orders", [])]), { search: "", deviating: false }).environments).toHaveLength(3);
  });

  it("keeps columns in the environments' order, with null where a service is not", () => {
    const { environments, rows } = toMatrix(fleet([row("catalog", [recalled])]), { search: "", deviating: false });
    expect(environments.map((environment) => environment.name)).toEqual(["dev", "staging", "production"]);
    expect(rows[0]?.cells.map((shown) => shown?.tone ?? null)).toEqual([null, null, "critical"]);
  });
  it("draws a matching cell without words", () => {
    const shown = toMatrix(fleet([row("payments", [cell()])]), { search: "", deviating: false }).rows[0]?.cells[2];
    expect(shown).toMatchObject({ tone: "match", notes: [], version: "1.41.2", canRollBack: true });
  });
  it("shows an unhealthy match and a rollout over a match", () => {
    expect(toMatrix(fleet([row("a", [cell({ unhealthy: 2 })])]), { search: "", deviating: false }).rows[0]?.cells[2]?.tone).toBe("alert");
    expect(toMatrix(fleet([row("a", [cell({ rollout: rolling.rollout })])]), { search: "", deviating: false }).rows[0]?.cells[2]?.tone).toBe("rolling");
  });
  it("narrows by name and by deviation", () => {
    const dto = fleet([row("catalog", [recalled]), row("payments", [cell()])]);
    expect(toMatrix(dto, { search: "PAY", deviating: false }).rows.map((shown) => shown.service)).toEqual(["payments"]);
    expect(toMatrix(dto, { search: "", deviating: true }).rows.map((shown) => shown.service)).toEqual(["catalog"]);
  });
});

it("says where nobody is told of findings", () => {
  const environment = (name: string, mode: "observe" | "enforce", ordinal = 0) => ({ name, mode, ordinal, protected: false, kind: "permanent" as const, requiredApprovals: 0 });
  expect(describeObserving({ environments: [environment("dev", "observe"), environment("production", "enforce")] })).toBe("dev observes: findings are recorded, nobody is told.");
  expect(describeObserving({ environments: [environment("dev", "observe"), environment("staging", "observe"), environment("production", "enforce")] })).toBe("dev, staging observe: findings are recorded, nobody is told.");
  expect(describeObserving({ environments: [environment("dev", "observe")] })).toBe("Every environment observes: findings are recorded, nobody is told.");
  expect(describeObserving({ environments: [environment("dev", "enforce")] })).toBe("");
});
