"use client";

import Link from "next/link";
import { useEffect, useMemo, useRef } from "react";
import { formatCount } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import { toneOfSeverity } from "@/components/ui/tone";
import { useWidth } from "@/components/ui/use-width";
import type { Severity } from "@/lib/domain/drift/categories";
import { MAP_ORDER, drawCells, layoutPhone, layoutWide, packColour, packGroup, sumCounts } from "./pack-map";
import type { MapGroup, PackedGroup } from "./pack-map";

const WORDS: Record<Severity, string> = {
  critical: "critical",
  drift: "drifting",
  warning: "with a warning",
  rolling: "rolling",
  unknown: "silent",
  neutral: "not adopted",
  match: "as assigned",
};

const COLOUR_TOKEN: Record<Severity, string> = {
  critical: "--critical-fill",
  drift: "--drift-fill",
  warning: "--drift-fill",
  rolling: "--rolling-fill",
  unknown: "--unknown-fill",
  neutral: "--rule",
  match: "--match-fill",
};

/** Severities with their counts, damage only unless `all`. */
function listCounts(counts: Uint32Array, all: boolean): { severity: Severity; count: number }[] {
  return MAP_ORDER.flatMap((severity, place) => {
    const count = counts[place] ?? 0;
    const shown = count > 0 && (all || (severity !== "match" && severity !== "neutral"));
    return shown ? [{ severity, count }] : [];
  });
}

/** Counts of the whole map, each with its shape: the legend and the summary in one. */
export function MapLegend({ groups }: { groups: readonly MapGroup[] }) {
  const counts = useMemo(() => sumCounts(groups.map((group) => packGroup(group.cells))), [groups]);
  return (
    <span className="legend">
      {listCounts(counts, true).map(({ severity, count }) => (
        <span key={severity} data-tone={toneOfSeverity(severity)}>
          <StatusShape kind={toneOfSeverity(severity)} size={12} />
          {formatCount(count)} {WORDS[severity]}
        </span>
      ))}
    </span>
  );
}

/** Rough width in px of a group's two header lines. */
function measureLabel(group: MapGroup, packed: PackedGroup): number {
  const name = (group.label.length + formatCount(packed.total).length + 1) * 7;
  const damage = listCounts(packed.counts, false).reduce((sum, { count }) => sum + 24 + formatCount(count).length * 7, 0);
  return Math.max(72, name, damage, group.region.length * 7);
}

/** A canvas repaints itself when the theme does. */
function onThemeChange(paint: () => void): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(paint);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  query.addEventListener("change", paint);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", paint);
  };
}

/**
 * Every instance as a cell, up to 100,000, grouped, the bad ones first in each group. Pixels are for the eye only;
 * the headers with their counts are the accessible path.
 */
export function FleetMap({ groups }: { groups: readonly MapGroup[] }) {
  const [box, width] = useWidth<HTMLDivElement>(1292);
  const canvas = useRef<HTMLCanvasElement>(null);
  const phone = width < 600;
  const all = useMemo(() => groups.map((group) => ({ group, packed: packGroup(group.cells) })), [groups]);
  const shown = useMemo(() => (phone ? all.filter(({ packed }) => listCounts(packed.counts, false).length > 0) : all), [all, phone]);
  const layout = useMemo(() => {
    const measured = shown.map(({ group, packed }) => ({ region: group.region, total: packed.total, labelWidth: measureLabel(group, packed) }));
    return phone ? layoutPhone(measured, width) : layoutWide(measured, width);
  }, [shown, phone, width]);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || layout.height === 0) return;
    const paint = () => {
      const scale = Math.max(1, Math.round(devicePixelRatio));
      const bitmapWidth = Math.ceil(width * scale);
      const bitmapHeight = Math.ceil(layout.height * scale);
      element.width = bitmapWidth;
      element.height = bitmapHeight;
      const style = getComputedStyle(element);
      const colours = Uint32Array.from(MAP_ORDER, (severity) => packColour(style.getPropertyValue(COLOUR_TOKEN[severity])));
      const image = context.createImageData(bitmapWidth, bitmapHeight);
      drawCells(new Uint32Array(image.data.buffer), bitmapWidth, layout, shown.map(({ packed }) => packed), colours, scale);
      context.putImageData(image, 0, 0);
    };
    paint();
    return onThemeChange(paint);
  }, [layout, shown, width]);

  const quiet = all.length - shown.length;
  return (
    <>
      <div className="map" ref={box} style={{ "--height": `${layout.height}px` }}>
        <canvas ref={canvas} aria-hidden="true" className="map-canvas" style={{ "--w": `${width}px`, "--h": `${layout.height}px` }} />
        {layout.regions.map((region) => (
          <div key={`${region.region} ${region.x} ${region.y}`} className="map-region" style={{ "--x": `${region.x}px`, "--y": `${region.y}px`, "--w": `${region.width}px` }}>
            <b>{region.region}</b>
            {formatCount(region.total)}
          </div>
        ))}
        <ul aria-label="Groups of instances">
          {layout.groups.map((place) => {
            const entry = shown[place.index];
            if (!entry) return null;
            const { group, packed } = entry;
            const damage = listCounts(packed.counts, false);
            const words = (
              <>
                <span>
                  <b>{group.label}</b> <span className="muted">{formatCount(packed.total)}</span>
                </span>
                <span className="map-damage">
                  {damage.map(({ severity, count }) => (
                    <span key={severity} data-tone={toneOfSeverity(severity)}>
                      <StatusShape kind={toneOfSeverity(severity)} size={10} />
                      {formatCount(count)}
                      <span className="visually-hidden">{WORDS[severity]}</span>
                    </span>
                  ))}
                </span>
              </>
            );
            return (
              <li key={group.id} className="map-group" style={{ "--x": `${place.x}px`, "--y": `${place.y}px`, "--w": `${place.width}px` }}>
                {group.href ? <Link href={group.href}>{words}</Link> : <div>{words}</div>}
              </li>
            );
          })}
        </ul>
      </div>
      {quiet > 0 ? (
        <p className="muted section">
          {formatCount(quiet)} other {quiet === 1 ? "group is" : "groups are"} as assigned.
        </p>
      ) : null}
    </>
  );
}
