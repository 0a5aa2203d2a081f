import * as fc from "fast-check";
import { expect, it } from "vitest";
import { CELL_STATES, countTargets, placeCells } from "./place-cells";

const counts = fc.record({ verified: fc.nat(60), inFlight: fc.nat(60), stuck: fc.nat(20), failed: fc.nat(9), waiting: fc.nat(60) });

it("covers every target exactly once, in the order verified, in flight, stuck, failed, waiting", () => {
  fc.assert(
    fc.property(counts, fc.integer({ min: 1, max: 34 }), fc.boolean(), (wave, length, byColumn) => {
      const cells = new Map<number, string>();
      for (const block of placeCells(wave, length, byColumn)) {
        for (let x = block.x; x < block.x + block.width; x++) {
          for (let y = block.y; y < block.y + block.height; y++) {
            const index = byColumn ? x * length + y : y * length + x;
            expect(cells.has(index)).toBe(false);
            cells.set(index, block.state);
          }
        }
      }
      expect(cells.size).toBe(countTargets(wave));
      const expected = CELL_STATES.flatMap((state) => Array.from({ length: wave[state] }, () => state));
      expect(expected.every((state, index) => cells.get(index) === state)).toBe(true);
    }),
  );
});

it("needs few rectangles for many targets", () => {
  expect(placeCells({ verified: 264, inFlight: 131, stuck: 6, failed: 3, waiting: 0 }, 10, true).length).toBeLessThanOrEqual(12);
});
