import { z } from "zod";
import { MATCH_FIELDS, MOST_ALIASES, MOST_RULES, SET_FIELDS, type MappingRuleSet } from "@/lib/domain/fleet/mapping-rules";
import { count, freeText, instant, name } from "./primitives";

const pattern = z.string().max(400);
const template = z.string().max(200);
const fields = <const T extends readonly string[], V extends z.ZodType>(names: T, value: V) => Object.fromEntries(names.map((field) => [field, value.optional()])) as Record<T[number], z.ZodOptional<V>>;

/** One rule: all that `match` names must match, `*` stands for any characters. It ignores, or sets something. */
export const mappingRule = z.strictObject({
  name,
  match: z.strictObject({ ...fields(MATCH_FIELDS, pattern), labels: z.record(z.string().min(1).max(300), pattern).optional() }),
  ignore: freeText.optional(),
  set: z.strictObject(fields(SET_FIELDS, template)).optional(),
});

/** The rules in order, and names that mean another service. What a file holds, and what is stored. */
export const mappingRuleSet = z.strictObject({
  // More than are taken: that there are too many is said with all else that is wrong.
  rules: z.array(mappingRule).max(2 * MOST_RULES),
  aliases: z.record(z.string().max(200), z.string().max(200)).refine((aliases) => Object.keys(aliases).length <= 2 * MOST_ALIASES, "has too many names").default({}),
}) satisfies z.ZodType<MappingRuleSet>;
export type MappingRuleSetDto = z.output<typeof mappingRuleSet>;

const problemDto = z.strictObject({ severity: z.enum(["error", "warning"]), path: z.string(), message: z.string() });

export const mappingDto = z.strictObject({
  /** 0: nobody decided any rules yet. */
  version: z.int(),
  set: mappingRuleSet,
  /** What looks like a mistake in the rules in force. */
  warnings: z.array(problemDto),
  /** The instances that each ignoring rule takes now, with its reason. */
  ignored: z.array(z.strictObject({ rule: z.string(), reason: z.string(), instances: count })),
  /** Instances that nothing maps to a service. */
  unmapped: count,
  /** The newest first, at most 50. */
  history: z.array(z.strictObject({ version: z.int(), rules: count, aliases: count, reason: z.string().nullable(), by: z.string(), at: instant, entry: z.int() })),
});
export type MappingDto = z.infer<typeof mappingDto>;

/** `version` is the one that was changed, 0 for none: another one that stands is refused with 409 and what changed. */
export const putMappingRequest = z.strictObject({ set: mappingRuleSet, version: z.int().min(0).max(1_000_000), reason: freeText });
export type PutMappingRequest = z.input<typeof putMappingRequest>;
export const previewMappingRequest = z.strictObject({ set: mappingRuleSet });

const place = z.strictObject({ service: z.string().nullable(), registered: z.boolean(), environment: z.string(), partition: z.string(), component: z.string(), ignoredBy: z.string().nullable() });
/** What a set would do to the fleet as it is now. Lists are cut; the counts are of all. */
export const mappingPreview = z.strictObject({
  /** The version in force, to send with what is applied. */
  version: z.int(),
  problems: z.array(problemDto),
  instances: count,
  targets: count,
  /** Instances and targets whose service, environment, partition, component or rule changes. */
  moved: z.strictObject({ instances: count, targets: count }),
  ignored: z.strictObject({ before: count, after: count }),
  unmapped: z.strictObject({ before: count, after: count }),
  /** The largest first, at most 200. `sample` is a target that it is seen at. */
  changes: z.array(z.strictObject({ from: place, to: place, instances: count, targets: count, sample: z.string(), rule: z.string().nullable() })),
  changesInAll: count,
  /** Each rule, in order: what it matches, what it decides, and the earlier rules that decide some of what it matches. */
  rules: z.array(z.strictObject({ name: z.string(), matches: count, decides: count, overlaps: z.array(z.string()).max(5) })),
  /** Why it would be refused, in words; empty when it would be taken. */
  refused: z.array(z.string()),
});
export type MappingPreview = z.infer<typeof mappingPreview>;
