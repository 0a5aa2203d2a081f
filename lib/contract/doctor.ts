import { z } from "zod";
import { FINDING_KINDS, DRIFT_CATEGORIES, SEVERITIES } from "@/lib/domain/drift/categories";
import { DOCTOR_STEPS } from "@/lib/domain/drift/explain-combination";
import { count, instant, name } from "./primitives";

export const doctorQuery = z.strictObject({ service: name, environment: name.optional() });

const verdict = z.strictObject({
  kind: z.enum([...new Set([...DRIFT_CATEGORIES, ...FINDING_KINDS])]),
  severity: z.enum(SEVERITIES),
  sentence: z.string(),
  /** What to do; null where nothing is to be done. */
  advice: z.string().nullable(),
  /** Whether a waiver covers it. */
  waived: z.boolean(),
});
export type DoctorVerdict = z.infer<typeof verdict>;

/** Instances that show the same facts and are judged together. */
const doctorCase = z.strictObject({
  environment: z.string(),
  partition: z.string(),
  component: z.string(),
  instances: count,
  silent: count,
  well: z.boolean(),
  /** The questions in the order in which they are asked, with their answers. */
  steps: z.array(z.strictObject({ step: z.enum(DOCTOR_STEPS), mark: z.enum(["right", "wrong", "unknown"]), sentence: z.string(), lines: z.array(z.string()) })),
  mapping: z.array(z.strictObject({ field: z.enum(["service", "environment", "partition", "component"]), value: z.string().nullable(), by: z.string(), sentence: z.string() })),
  digests: z.array(z.strictObject({ digest: z.string(), kind: z.string(), repository: z.string().nullable(), leadsTo: z.array(z.string()) })),
  /** Worst first. */
  verdicts: z.array(verdict),
});
export type DoctorCase = z.infer<typeof doctorCase>;

/** GET /api/v1/doctor: why a service looks the way it does. */
export const doctorDto = z.strictObject({
  asOf: instant,
  /** As the ledger has it, where an alias was asked for. */
  service: z.string(),
  environment: z.string().nullable(),
  adopted: z.boolean(),
  /** Nothing is wrong, and nothing is unknown. */
  well: z.boolean(),
  summary: z.string(),
  /** The worst first; at most 50. */
  cases: z.array(doctorCase).max(50),
  /** How many more there are. */
  more: count,
  /** Open findings that are about no single set of facts: missing copies, silent agents, a rollout that was stopped half-way. */
  findings: z.array(verdict.extend({ environment: z.string().nullable(), instances: count, subject: z.string().nullable() })).max(50),
  /** Why nothing is seen, where nothing is. */
  reasons: z.array(z.string()),
});
export type DoctorDto = z.infer<typeof doctorDto>;
