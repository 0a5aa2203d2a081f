import { describe, expect, it } from "vitest";
import { FINDING_KINDS } from "./categories";
import { describeFinding, titleOfFinding, type FindingFacts } from "./describe-finding";

const facts: FindingFacts = {
  kind: "unapproved", service: "payments", environment: "production", instances: 2, runningVersion: "1.1.0", runningService: "payments",
  runningDigest: `sha256:${"ab".repeat(32)}`, assignedVersion: "1.0.0", approvedFor: ["staging"], agent: "host-a", detail: null,
};

describe("describeFinding", () => {
  it.each<[Partial<FindingFacts>, string]>([
    [{}, "Not approved for production. In the ledger as 1.1.0, approved for staging only."],
    [{ approvedFor: [] }, "Not approved for production. In the ledger as 1.1.0, approved nowhere."],
    [{ approvedFor: ["dev", "staging"] }, "Not approved for production. In the ledger as 1.1.0, approved for dev and staging only."],
    [{ kind: "unknown-artifact" }, "No release in the ledger has these bytes (abababa). Assigned is 1.0.0."],
    [{ kind: "unknown-artifact", assignedVersion: null, runningDigest: null }, "No release in the ledger has these bytes. Nothing is assigned here."],
    [{ kind: "behind", runningVersion: "0.9.0" }, "Runs 0.9.0, older than assigned. Assigned is 1.0.0."],
    [{ kind: "recalled" }, "1.1.0 is recalled and may not run anywhere. Assigned is 1.0.0."],
    [{ kind: "recalled", runningVersion: null }, "What runs is recalled and may not run anywhere. Assigned is 1.0.0."],
    [{ kind: "wrong-service", runningService: "orders", runningVersion: "3" }, "These bytes are orders 3. Assigned is 1.0.0."],
    [{ kind: "mutated", detail: "/app/server.js" }, "Files were changed after it was started: /app/server.js."],
    [{ kind: "missing", instances: 1 }, "1 copy is not ready, for longer than a restart takes."],
    [{ kind: "unexpected" }, "2 instances beside what was decided: no decision covers them."],
    [{ kind: "unexpected", assignedVersion: null }, "Nothing of this service is assigned here."],
  ])("says %j", (change, sentence) => {
    expect(describeFinding({ ...facts, ...change })).toBe(sentence);
  });

  it("has words for every kind, known or not", () => {
    for (const kind of FINDING_KINDS) {
      const bare: FindingFacts = { ...facts, kind, service: null, environment: null, runningVersion: null, runningService: null, runningDigest: null, assignedVersion: null, approvedFor: [], agent: null };
      for (const text of [describeFinding(bare), titleOfFinding(bare), describeFinding({ ...facts, kind }), titleOfFinding({ ...facts, kind })]) {
        expect(text).toMatch(/^\S.*\S$/);
        expect(text).not.toMatch(/null|undefined|NaN/);
      }
    }
  });
});
