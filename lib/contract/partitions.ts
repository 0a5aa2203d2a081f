/** Partitions of a service in an environment, and pins on them. */
import { z } from "zod";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { MOST_PARTITIONS } from "@/lib/domain/fleet/partitions";
import { count, freeText, instant, name, page, partition, uuid } from "./primitives";
import { pinRef, reasonDto, releaseRef } from "./rollouts";

const MOST_LABELS = 16;

const label = z.string().min(1).max(253);
/** Every label must match; `*` in a value stands for any characters. Empty: it takes what mapping rules put there. */
const selector = z
  .record(label, z.string().min(1).max(253))
  .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `must name at most ${MOST_LABELS} labels`);

/** In order: the first that matches a target takes it. `default`, which takes the rest, is implied. */
const declaredPartitions = z
  .array(z.strictObject({ name, selector }))
  .max(MOST_PARTITIONS, `must be at most ${MOST_PARTITIONS}`)
  .superRefine((partitions, issues) => {
    partitions.forEach((one, at) => {
      if (one.name === DEFAULT_PARTITION) issues.addIssue({ code: "custom", path: [at, "name"], message: "is implied: default takes what no selector matches, and is not declared" });
      if (partitions.findIndex((other) => other.name === one.name) < at) issues.addIssue({ code: "custom", path: [at, "name"], message: "is there already" });
    });
  });

export const partitionsQuery = z.strictObject({ service: name, environment: name });
export const previewPartitionsRequest = z.strictObject({ service: name, environment: name, partitions: declaredPartitions });
export const putPartitionsRequest = previewPartitionsRequest.extend({
  reason: freeText.optional(),
  /** As the list or the preview names it: refused with 409 and what changed when the partitions are others by now. */
  revision: z.string().max(100).optional(),
});
export type PutPartitionsRequest = z.input<typeof putPartitionsRequest>;

export const partitionDto = z.strictObject({
  name: z.string(),
  selector: z.record(z.string(), z.string()),
  targets: count,
  instances: count,
  assigned: releaseRef.nullable(),
  held: z.boolean(),
  pin: pinRef.nullable(),
  rollout: z.strictObject({ id: uuid, number: z.int() }).nullable(),
});
export type PartitionDto = z.infer<typeof partitionDto>;
/** `default` stands last. */
export const partitionsDto = z.strictObject({ service: z.string(), environment: z.string(), partitions: z.array(partitionDto), revision: z.string(), /** Of the decision that they follow from; null before the first. */ entry: z.int().nullable() });
export type PartitionsDto = z.infer<typeof partitionsDto>;

const flow = z.strictObject({ partition: z.string(), targets: count });
export const partitionsPreview = z.strictObject({
  service: z.string(),
  environment: z.string(),
  allowed: z.boolean(),
  reasons: z.array(reasonDto),
  /** Selectors that match nothing, or what others take. */
  notes: z.array(z.string()),
  partitions: z.array(
    z.strictObject({
      name: z.string(),
      selector: z.record(z.string(), z.string()),
      isNew: z.boolean(),
      /** Targets that it takes, and those that its selector matches. */
      targets: count,
      matches: count,
      from: z.array(flow),
      /** What will be assigned there, and whose assignment it takes over. */
      assigned: z.string().nullable(),
      inherits: z.string().nullable(),
    }),
  ),
  removed: z.array(z.strictObject({ name: z.string(), targets: count, into: z.array(flow) })),
  /** Targets that change partition. Nothing is started, stopped or replaced by it. */
  moved: count,
  /** Of what stands now. */
  revision: z.string(),
});
export type PartitionsPreview = z.infer<typeof partitionsPreview>;

export const pinRequest = z.strictObject({ service: name, environment: name, partition, reason: freeText, /** Absent: until somebody ends it. */ expiresAt: instant.optional() });
export type PinRequest = z.input<typeof pinRequest>;
export const unpinRequest = z.strictObject({ pin: uuid, reason: freeText });
export const unpinnedDto = z.strictObject({ entry: z.int() });
export const PIN_STATES = ["in-force", "expired", "ended"] as const;
export const pinsQuery = z.strictObject({ service: name.optional(), environment: name.optional(), state: z.enum(["in-force", "all"]).default("in-force") });
export const pinDto = pinRef.extend({ service: z.string(), environment: z.string(), partition: z.string(), state: z.enum(PIN_STATES), assigned: releaseRef.nullable() });
export type PinDto = z.infer<typeof pinDto>;
export const pinPage = page(pinDto);
