import { describe, expect, it } from "vitest";
import type { DoctorDto } from "@/lib/contract/doctor";
import { describeDoctor } from "./doctor";

const digest = `sha256:${"a".repeat(64)}`;
const doctor: DoctorDto = {
  asOf: "2026-11-26T01:00:00.000Z",
  service: "payments",
  environment: null,
  adopted: true,
  well: false,
  summary: "1 of 2 instances of payments is not as decided.",
  cases: [
    {
      environment: "production", partition: "eu", component: "worker", instances: 1, silent: 0, well: false, mapping: [], digests: [],
      steps: [
        { step: "reported", mark: "right", sentence: "1 instance of registry.example/acme/payments:1, seen by eu-1.", lines: ["payments-1, target payments on eu-1"] },
        { step: "resolved", mark: "wrong", sentence: "No digest of it is in the ledger, and this sentence is long enough to be broken into two lines.", lines: [`index ${digest}: in no release`] },
      ],
      verdicts: [{ kind: "unknown-artifact", severity: "critical", sentence: "No release in the ledger has these bytes.", advice: "Register it.", waived: true }],
    },
  ],
  more: 2,
  findings: [{ kind: "silent", severity: "unknown", sentence: "Nothing was heard.", advice: null, waived: false, environment: null, instances: 3, subject: "eu-2" }],
  reasons: [],
};

describe("describeDoctor", () => {
  it("tells the story in order", () => {
    expect(describeDoctor(doctor)).toEqual([
      "1 of 2 instances of payments is not as decided.",
      "",
      "  payments / production / eu / worker: 1 instance",
      "  ok reported    1 instance of registry.example/acme/payments:1, seen by eu-1.",
      "                 payments-1, target payments on eu-1",
      "  !! digests     No digest of it is in the ledger, and this sentence is long",
      "                 enough to be broken into two lines.",
      "                 index",
      `                   ${digest}:`,
      "                   in no release",
      "  => unknown-artifact (waived): No release in the ledger has these bytes.",
      "     Register it.",
      "",
      "and 2 more sets of facts; ask for one environment to see them",
      "",
      "  eu-2",
      "  => silent: Nothing was heard.",
      "",
      "Not all is well, as of 2026-11-26T01:00:00.000Z.",
    ]);
  });
  it("fits 80 columns, but for a digest", () => {
    for (const line of describeDoctor(doctor)) if (!line.includes(digest)) expect(line.length).toBeLessThanOrEqual(80);
  });
  it("says why nothing is seen", () => {
    expect(describeDoctor({ ...doctor, summary: "Nothing is seen of paymets.", cases: [], findings: [], more: 0, reasons: ["No service paymets is in the ledger."] })).toEqual([
      "Nothing is seen of paymets.",
      "  - No service paymets is in the ledger.",
      "",
      "Not all is well, as of 2026-11-26T01:00:00.000Z.",
    ]);
  });
});
