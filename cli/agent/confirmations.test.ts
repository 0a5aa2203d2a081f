import { describe, expect, it } from "vitest";
import { Confirmations } from "./confirmations";

describe("Confirmations", () => {
  it("come a few times after an execution, and then no more", () => {
    const confirmations = new Confirmations();
    expect(confirmations.nextInMs(0)).toBe(Number.POSITIVE_INFINITY);
    confirmations.ended(1_000);
    expect(confirmations.nextInMs(1_000)).toBe(2_100);
    expect(confirmations.nextInMs(3_100)).toBe(3_500);
    expect(confirmations.nextInMs(6_600)).toBe(5_400);
    expect(confirmations.nextInMs(12_000)).toBe(Number.POSITIVE_INFINITY);
  });

  it("of many executions that end together are few", () => {
    const confirmations = new Confirmations();
    for (let at = 0; at < 300; at += 10) confirmations.ended(at);
    let now = 0;
    let reports = 0;
    for (let next = confirmations.nextInMs(now); next < Number.POSITIVE_INFINITY; next = confirmations.nextInMs(now)) {
      now += next;
      reports += 1;
    }
    expect(reports).toBe(3);
  });
});
