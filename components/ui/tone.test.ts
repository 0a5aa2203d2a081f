import { expect, it } from "vitest";
import { SEVERITIES } from "@/lib/domain/drift/categories";
import { TONES, deviates, toneOfSeverity, worstTone } from "./tone";

it("has a hue for every severity", () => {
  for (const severity of SEVERITIES) expect(TONES).toContain(toneOfSeverity(severity));
});

it("puts the worst first, and nothing at all is a match", () => {
  expect(worstTone(["match", "rolling", "critical", "drift"])).toBe("critical");
  expect(worstTone(["critical", "alert"])).toBe("alert");
  expect(worstTone([])).toBe("match");
});

it("never marks what matches or was never adopted", () => {
  expect(TONES.filter((tone) => !deviates(tone))).toEqual(["neutral", "match"]);
});
