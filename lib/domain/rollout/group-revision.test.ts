import { describe, expect, it } from "vitest";
import { describeGroupChanges, groupToken } from "./group-revision";
import type { SeenMember } from "./group-revision";

const payments: SeenMember = { place: "payments / production", aim: "rollback", from: "1.42.0", to: "1.41.2", allowed: true };
const orders: SeenMember = { place: "orders / production", aim: "rollback", from: "2.0.0", to: "1.0.0", allowed: true };

describe("groupToken", () => {
  it("does not depend on the order of the list", () => {
    expect(groupToken([payments, orders])).toBe(groupToken([orders, payments]));
    expect(groupToken([])).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("describeGroupChanges", () => {
  it.each<[string, SeenMember[], SeenMember[], RegExp | null]>([
    ["nothing", [payments, orders], [orders, payments], null],
    ["a new member", [payments], [payments, orders], /orders \/ production is new on the list: 2\.0\.0/],
    ["a member that is gone", [payments, orders], [payments], /orders \/ production is no longer on the list/],
    ["another assignment", [payments], [{ ...payments, from: "1.43.0" }], /now has 1\.43\.0 assigned \(was 1\.42\.0\)/],
    ["another goal", [payments], [{ ...payments, to: "1.40.0" }], /would now go to 1\.40\.0 \(was 1\.41\.2\)/],
    ["another act", [payments], [{ ...payments, aim: "stop" }], /would now be a stop/],
    ["refused meanwhile", [payments], [{ ...payments, allowed: false }], /can no longer be started/],
    ["possible meanwhile", [{ ...payments, allowed: false }], [payments], /can be started now/],
  ])("%s", (_name, before, after, sentence) => {
    const changes = describeGroupChanges(before, after);
    expect(groupToken(before) === groupToken(after)).toBe(sentence === null);
    if (sentence === null) expect(changes).toEqual([]);
    else expect(changes).toEqual([expect.stringMatching(sentence)]);
  });
});
