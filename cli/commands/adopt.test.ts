import { expect, it } from "vitest";
import type { AdoptionPreview } from "@/lib/contract/adoption";
import { describeAdoption } from "./adopt";

const digest = `sha256:${"ab".repeat(32)}`;
const preview: AdoptionPreview = {
  revision: "r",
  asOf: "2026-11-20T02:00:00.000Z",
  totals: { services: 1, releases: 1, places: 2, instances: 3, leftOut: 3, leftOutInstances: 4 },
  elsewhere: 7,
  refusal: null,
  places: [{ service: "payments", environment: "production", partition: "eu", version: "1.0\u001b[31m", registered: false, approves: true, instances: 3, leftOut: 1, components: [{ name: "main", digest, repository: null, digests: [digest] }] }],
  leftOut: [{ service: null, environment: "staging", partition: "default", component: "main", reason: "no-digest", sentence: "The runtime names no digest.", digest: null, reference: null, instances: 1 }],
};

it("prints what is left out first, what is cut off, and nothing that steers the terminal", () => {
  expect(describeAdoption(preview)).toEqual([
    "Left out: 4 instances",
    "SERVICE  PLACE    DIGEST  INSTANCES  WHY",
    "-        staging  -       1          The runtime names no digest.",
    "… and 2 more kinds of copies",
    "",
    "Assigned as it runs: 1 service (3 instances)",
    "SERVICE   PLACE          RELEASE  DIGEST   INSTANCES",
    "payments  production/eu  1.0[31m  abababa  3          new, no evidence, 1 left out",
    "… and 1 more place",
    "7 instances of these services in other environments will be findings until they are adopted too.",
    "1 release at 2 places, by one ledger entry. No host is told to do anything.",
  ]);
});

it("says why it would be refused", () => {
  expect(describeAdoption({ ...preview, places: [], leftOut: [], elsewhere: 0, refusal: "There is nothing to adopt." })).toEqual(["There is nothing to adopt."]);
});
