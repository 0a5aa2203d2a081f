import { describe, expect, it } from "vitest";
import { SEVERITIES } from "@/lib/domain/drift/categories";
import type { Severity } from "@/lib/domain/drift/categories";
import { MAP_ORDER, decodeCells, drawCells, layoutPhone, layoutWide, packColour, packGroup, sumCounts } from "./pack-map";

const code = (severity: Severity) => SEVERITIES.indexOf(severity);
const countsOf = (cells: number[]) => {
  const packed = packGroup(Uint8Array.from(cells));
  return Object.fromEntries(MAP_ORDER.map((severity, place) => [severity, packed.counts[place]]));
};

describe("packGroup", () => {
  it("counts each severity", () => {
    const counts = countsOf([code("match"), code("critical"), code("match"), code("rolling")]);
    expect(counts).toMatchObject({ critical: 1, rolling: 1, match: 2, drift: 0 });
  });

  it("never draws an unknown byte as a match", () => {
    expect(countsOf([200, 255])).toMatchObject({ unknown: 2, match: 0 });
  });

  it("sums groups", () => {
    const group = packGroup(Uint8Array.from([code("drift"), code("match")]));
    expect([...sumCounts([group, group])][MAP_ORDER.indexOf("drift")]).toBe(2);
  });

  it("reads what travels", () => {
    expect([...decodeCells(btoa(String.fromCharCode(0, 6, 255)))]).toEqual([0, 6, 255]);
  });
});

describe("layout", () => {
  const group = (total: number, region = "eu") => ({ total, region, labelWidth: 80 });

  it("stays within the width and gives every cell its place", () => {
    for (const totals of [[1], [40, 1, 900], [20_000], Array.from({ length: 40 }, () => 2_500)]) {
      for (const width of [320, 768, 1292]) {
        for (const layout of [layoutWide(totals.map((total) => group(total)), width), layoutPhone(totals.map((total) => group(total)), width)]) {
          for (const place of layout.groups) {
            expect(place.rows * place.columns).toBeGreaterThanOrEqual(totals[place.index] ?? 0);
            expect(place.x + place.width).toBeLessThanOrEqual(width);
            expect(place.cellsY + place.rows * layout.pitch).toBeLessThanOrEqual(layout.height);
          }
        }
      }
    }
  });

  it("joins neighbours of a region under one heading and adds them up", () => {
    const layout = layoutWide([group(100), group(50), group(30, "us")], 1292);
    expect(layout.regions.map((region) => [region.region, region.total])).toEqual([
      ["eu", 150],
      ["us", 30],
    ]);
  });

  it("handles an empty fleet", () => {
    expect(layoutWide([], 1292)).toMatchObject({ height: 0, groups: [] });
    expect(layoutPhone([], 320)).toMatchObject({ height: 0, groups: [] });
  });
});

describe("drawCells", () => {
  it("packs a colour as ImageData wants it", () => {
    expect(packColour("#112233")).toBe(0xff332211);
    expect(packColour(" #ffffff")).toBe(0xffffffff);
    expect(packColour("nonsense")).toBe(0xff000000);
  });

  it("draws damage first, top left", () => {
    const packed = [packGroup(Uint8Array.from([code("match"), code("critical")]))];
    const layout = layoutWide([{ total: 2, region: "eu", labelWidth: 20 }], 64);
    const pixels = new Uint32Array(64 * layout.height);
    drawCells(pixels, 64, layout, packed, Uint32Array.from(MAP_ORDER, (_, place) => place + 1), 1);
    const place = layout.groups[0];
    expect(place).toBeDefined();
    if (!place) return;
    expect(pixels[place.cellsY * 64 + place.x]).toBe(MAP_ORDER.indexOf("critical") + 1);
    expect(pixels[(place.cellsY + layout.pitch) * 64 + place.x]).toBe(MAP_ORDER.indexOf("match") + 1);
    expect(new Set(pixels)).toEqual(new Set([0, 1, MAP_ORDER.indexOf("match") + 1]));
  });
});
