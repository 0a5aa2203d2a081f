import { expect, it } from "vitest";
import type { ReleaseDto } from "@/lib/contract/releases";
import { toPromotable } from "./to-promotable";

const digest = `sha256:${"a".repeat(64)}`;
function release(version: string, over: Partial<ReleaseDto> = {}): ReleaseDto {
  return {
    id: "8a1c2b34-0000-4000-8000-000000000001", service: "payments", version, kind: "planned", registeredAt: "2026-11-20T02:00:00.000Z", registeredBy: "ci", entry: 1,
    components: [{ name: "main", repository: null, reference: null, digest, digests: [] }], sourceUrl: null, commits: null, authors: [], migrations: null, recalled: false, adopted: false,
    approvals: [{ environment: "production", standing: 1, required: 1, approved: true, adopted: false }], ...over,
  };
}

it("keeps the order, and says of each that may not be promoted why", () => {
  const candidates = toPromotable(
    [
      release("1.45", { approvals: [] }),
      release("1.44", { approvals: [{ environment: "production", standing: 1, required: 2, approved: false, adopted: false }] }),
      release("1.43"),
      release("1.42"),
      release("1.41", { recalled: true }),
    ],
    "production",
    "1.42",
  );
  expect(candidates.map(({ version, eligible, reasons }) => [version, eligible, reasons.map((reason) => reason.sentence).join(" ")])).toEqual([
    ["1.45", false, "It is not approved for production."],
    ["1.44", false, "It has 1 of 2 approvals for production."],
    ["1.43", true, ""],
    ["1.42", false, "It is assigned here."],
    ["1.41", false, "It is recalled and may not be assigned anywhere."],
  ]);
  expect(candidates[2]?.digest).toBe(digest);
});
