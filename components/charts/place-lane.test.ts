import { expect, it } from "vitest";
import { chooseTicks, labelTick, placeFlags, placeMoment } from "./place-lane";

const FROM = Date.parse("2026-11-06T00:00:00Z");
const DAY = 86_400_000;
const TO = FROM + 14 * DAY;

it("places a moment between two, clamped", () => {
  expect(placeMoment(FROM + 7 * DAY, FROM, TO)).toBe(0.5);
  expect(placeMoment(FROM - DAY, FROM, TO)).toBe(0);
  expect(placeMoment(TO + DAY, FROM, TO)).toBe(1);
  expect(placeMoment(FROM, FROM, FROM)).toBe(0);
});

it("chooses round ticks with both ends, apart from each other", () => {
  const ticks = chooseTicks(FROM, TO);
  expect(ticks[0]).toBe(FROM);
  expect(ticks[ticks.length - 1]).toBe(TO);
  expect(ticks.length).toBeLessThanOrEqual(9);
  expect(ticks.map((tick) => labelTick(tick, FROM, TO))).toContain("11 Nov");
  expect(labelTick(FROM, FROM, FROM + DAY)).toBe("00:00");
});

it("never lets two labels touch: the other side, else none", () => {
  const placed = placeFlags(
    [
      { at: FROM + 2 * DAY, label: "1.41.0" },
      { at: FROM + 2.1 * DAY, label: "1.41.1" },
      { at: TO, label: "1.42.0 to 25 %" },
    ],
    FROM,
    TO,
  );
  expect(placed.map((flag) => flag.side)).toEqual(["left", "right", "left"]);
  const crowded = placeFlags(Array.from({ length: 30 }, (_, index) => ({ at: FROM + (index * DAY) / 10, label: "a long label indeed" })), FROM, TO);
  expect(crowded.some((flag) => flag.side === null)).toBe(true);
});
