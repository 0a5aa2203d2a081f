import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { InventoryReportInput } from "@/lib/contract/agent";
import type { Observation, ObservedInstance, ReportedEvent, ReportedImage, ReportedTarget } from "./runtimes/runtime";

/** What a report needs besides the observation. */
export interface ReportFrame {
  bootId: string;
  seq: number;
  observedAt: string;
  events: ReportedEvent[];
}

/** What the server knows after the last acknowledged report, by key and as the text that was sent. */
export interface Acknowledged {
  targets: Map<string, string>;
  instances: Map<string, string>;
}

const MAX_GZIP_BYTES = 3 * 1024 * 1024;
const MAX_BYTES = 3_500_000;
const MAX_PARTS = 64;

/** The facts of an observation by key; an instance's text includes its image, so that a new alias is a change too. */
export function indexObservation(observation: Observation): Acknowledged {
  const imageMarks = new Map([...observation.images].map(([key, image]) => [key, createHash("sha256").update(JSON.stringify(image)).digest("base64")]));
  return {
    targets: new Map(observation.targets.map((target) => [target.key, JSON.stringify(target)])),
    instances: new Map(observation.instances.map((instance) => [instance.key, `${JSON.stringify(instance)}${imageMarks.get(instance.image) ?? ""}`])),
  };
}

/**
 * What differs from the acknowledged state, as a delta. Nothing counts as gone while the coverage is incomplete.
 */
export function buildDelta(observation: Observation, acknowledged: Acknowledged, frame: ReportFrame): InventoryReportInput {
  const now = indexObservation(observation);
  const targets = observation.targets.filter((target) => now.targets.get(target.key) !== acknowledged.targets.get(target.key));
  const instances = observation.instances.filter((instance) => now.instances.get(instance.key) !== acknowledged.instances.get(instance.key));
  const removed = observation.complete
    ? [...[...acknowledged.instances.keys()].filter((key) => !now.instances.has(key)), ...[...acknowledged.targets.keys()].filter((key) => !now.targets.has(key)).map((key) => `target:${key}`)]
    : [];
  return { ...frameOf(observation, frame, "delta"), ...pack(observation.images, instances), targets, removed };
}

/**
 * Everything, in as many parts as the server's size limit demands (each below 3 MiB gzipped and 3.5 MB inflated).
 * Throws when even the greatest number of parts does not suffice.
 */
export function buildFull(observation: Observation, frame: ReportFrame): InventoryReportInput[] {
  for (let parts = 1; parts <= MAX_PARTS; parts *= 2) {
    const reports = Array.from({ length: parts }, (_, index): InventoryReportInput => {
      const targets = slice(observation.targets, index, parts);
      const instances = slice(observation.instances, index, parts);
      return { ...frameOf(observation, index === 0 ? frame : { ...frame, events: [] }, "full"), part: index + 1, parts, ...pack(observation.images, instances), targets };
    });
    if (reports.every(fits)) return reports;
  }
  throw new Error("the inventory is too large for one report");
}

/** Whether a report is small enough to send. */
export function fits(report: InventoryReportInput): boolean {
  if (Math.max(report.instances?.length ?? 0, report.targets?.length ?? 0, report.images?.length ?? 0, report.removed?.length ?? 0) > 20_000) return false;
  const text = JSON.stringify(report);
  return text.length < 1_000_000 || (Buffer.byteLength(text) < MAX_BYTES && gzipSync(text, { level: 4 }).byteLength < MAX_GZIP_BYTES);
}

function frameOf(observation: Observation, frame: ReportFrame, kind: "full" | "delta"): InventoryReportInput {
  return {
    v: 1,
    bootId: frame.bootId,
    seq: frame.seq,
    observedAt: frame.observedAt,
    scope: "engine",
    kind,
    coverage: { complete: observation.complete, errors: observation.errors.slice(0, 100) },
    events: frame.events,
  };
}

/** The dictionary of the images that these instances name, and the instances with their index in it. */
function pack(images: Map<string, ReportedImage>, instances: readonly ObservedInstance[]): Pick<InventoryReportInput, "images" | "instances"> {
  const positions = new Map<string, number>();
  const list: ReportedImage[] = [];
  const numbered = instances.map((instance) => {
    let position = positions.get(instance.image);
    if (position === undefined) {
      position = list.length;
      positions.set(instance.image, position);
      list.push(images.get(instance.image) ?? { digests: [] });
    }
    return { ...instance, image: position };
  });
  return { images: list, instances: numbered };
}

function slice<T extends ReportedTarget | ObservedInstance>(items: readonly T[], index: number, parts: number): T[] {
  const size = Math.ceil(items.length / parts);
  return items.slice(index * size, (index + 1) * size);
}
