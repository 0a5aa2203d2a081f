import { z } from "zod";
import { DRIFT_CATEGORIES, FINDING_KINDS, SEVERITIES } from "@/lib/domain/drift/categories";
import { FRESHNESS } from "@/lib/domain/fleet/freshness";
import { HEALTH, INSTANCE_STATES } from "@/lib/domain/fleet/health";
import { AUTHORITIES, ROLLOUT_KINDS, TARGET_KINDS } from "@/lib/domain/rollout/statuses";
import { count, cursor, digest, instant, limit, name, page, shortText, uuid } from "./primitives";
import { pinRef, releaseRef } from "./rollouts";

/** What a cell counts: a category, what is silent, and what deviates only in ways that are waived. */
const cellCategory = z.enum([...DRIFT_CATEGORIES, "silent", "waived"]);
export const categoryCount = z.strictObject({ category: cellCategory, instances: count });

/** One cell of service × environment. `categories` are counted by each combination's worst; silent ones apart. */
export const matrixCell = z.strictObject({
  environment: z.string(),
  assigned: z.array(z.strictObject({ partition: z.string(), release: releaseRef.nullable() })),
  instances: count,
  unhealthy: count,
  categories: z.array(categoryCount),
  worst: cellCategory.nullable(),
  severity: z.enum(SEVERITIES),
  rollout: z.strictObject({ id: uuid, number: z.int(), kind: z.enum(ROLLOUT_KINDS), verified: count, total: count }).nullable(),
  held: z.boolean(),
  /** How many of its partitions are pinned. */
  pinned: count,
  /** Where there is more than one partition: each by itself, in declared order. */
  partitions: z.array(
    z.strictObject({
      name: z.string(),
      assigned: releaseRef.nullable(),
      instances: count,
      categories: z.array(categoryCount),
      severity: z.enum(SEVERITIES),
      /** Why it is pinned, and until when. */
      pin: z.strictObject({ reason: z.string().nullable(), until: instant.nullable() }).nullable(),
      rolling: z.boolean(),
    }),
  ),
  oldestReportAt: instant.nullable(),
  newestReportAt: instant.nullable(),
});
export type MatrixCell = z.infer<typeof matrixCell>;

export const matrixRow = z.strictObject({
  service: z.string(),
  adopted: z.boolean(),
  severity: z.enum(SEVERITIES),
  cells: z.array(matrixCell),
  /** In how many preview environments it runs, folded: they count for nothing else here. Null for none. */
  previews: z.strictObject({ environments: count, instances: count }).nullable(),
});
export type MatrixRow = z.infer<typeof matrixRow>;

export const environmentDto = z.strictObject({ name: z.string(), protected: z.boolean(), mode: z.enum(["observe", "enforce"]), kind: z.enum(["permanent", "preview"]), ordinal: z.int(), requiredApprovals: count });
export type EnvironmentDto = z.infer<typeof environmentDto>;

export const matrixDto = z.strictObject({
  asOf: instant,
  /** Those that stay. */
  environments: z.array(environmentDto),
  /** How many preview environments there are. */
  previews: count,
  /** Worst first, then by name; at most 500 services. */
  rows: z.array(matrixRow),
  rowsInAll: count,
  totals: z.strictObject({ instances: count, inSync: count, silent: count, deviating: count, unmapped: count, ignored: count, ignoringRules: count, agents: count, silentAgents: count }),
  coverage: z.strictObject({ complete: z.boolean(), scopes: count, incomplete: count }),
  /** The newest signed checkpoint, how many agents hold one that it extends, and in words why nothing newer is signed. */
  ledger: z.strictObject({ size: z.int(), root: z.string().nullable(), heldBy: count, agents: count, fault: z.string().nullable() }),
});
export type MatrixDto = z.infer<typeof matrixDto>;

/** GET /api/v1/fleet/map: groups with one byte a cell (severity), base64, worst first in each group. */
export const mapDto = z.strictObject({
  asOf: instant,
  total: count,
  groups: z.array(z.strictObject({ region: z.string(), agent: z.string(), instances: count, counts: z.array(z.strictObject({ severity: z.enum(SEVERITIES), instances: count })), cells: z.string() })),
  truncated: z.boolean(),
});
export type MapDto = z.infer<typeof mapDto>;

export const findingsQuery = z.strictObject({
  state: z.enum(["open", "resolved", "all"]).default("open"),
  service: name.optional(),
  environment: name.optional(),
  kind: z.enum(FINDING_KINDS).optional(),
  limit,
  cursor: cursor.optional(),
});
/** Who excused a finding, why and until when; a finding without one counts. */
const waiverRef = z.strictObject({ id: uuid, by: z.string(), reason: z.string().nullable(), until: instant }).nullable();
export const findingDto = z.strictObject({
  id: uuid,
  kind: z.enum(FINDING_KINDS),
  severity: z.enum(SEVERITIES),
  service: z.string().nullable(),
  environment: z.string().nullable(),
  partition: z.string().nullable(),
  target: z.strictObject({ id: z.string(), key: z.string(), agent: z.string(), region: z.string().nullable() }).nullable(),
  agent: z.string().nullable(),
  assigned: releaseRef.nullable(),
  running: z.strictObject({ version: z.string().nullable(), digest: digest.nullable(), reference: z.string().nullable() }).nullable(),
  count,
  sampleKeys: z.array(z.string()),
  /** Public ids of sample instances, for links. */
  sampleInstances: z.array(uuid),
  by: z.string().nullable(),
  sentence: z.string(),
  detail: z.string().nullable(),
  since: instant,
  openedAt: instant,
  resolvedAt: instant.nullable(),
  canReconverge: z.boolean(),
  waiver: waiverRef,
});
export type FindingDto = z.infer<typeof findingDto>;

/** Findings that share kind, service, environment and running bytes: one cause. */
export const findingGroup = z.strictObject({
  key: z.string(),
  kind: z.enum(FINDING_KINDS),
  severity: z.enum(SEVERITIES),
  title: z.string(),
  sentence: z.string(),
  service: z.string().nullable(),
  environment: z.string().nullable(),
  partition: z.string().nullable(),
  assigned: releaseRef.nullable(),
  running: findingDto.shape.running,
  instances: count,
  findings: count,
  since: instant,
  /** What the affected share, with the share of all instances of the service here as the baseline. */
  shared: z.array(z.strictObject({ dimension: z.string(), value: z.string(), share: z.number(), baseline: z.number() })),
  canReconverge: z.boolean(),
  waiver: waiverRef,
  rows: z.array(findingDto).max(50),
});
export const findingsDto = z.strictObject({
  asOf: instant,
  total: count,
  instances: count,
  checkedInstances: count,
  /** Instances that nothing maps to a service; they are one line, and no finding. */
  unmapped: count,
  /** What rules ignore: no finding, and never uncounted. */
  ignored: z.strictObject({ instances: count, rules: count }),
  groups: z.array(findingGroup).max(200),
  /** What a waiver in force excuses; not in `total` and `instances`. */
  waived: z.array(findingGroup).max(200),
  /** Instances whose difference an open rollout explains. */
  inTransition: z.array(z.strictObject({ service: z.string(), environment: z.string(), instances: count, rollout: z.strictObject({ id: uuid, number: z.int() }) })),
});
export type FindingsDto = z.infer<typeof findingsDto>;
export type FindingGroup = z.infer<typeof findingGroup>;
export const findingPage = page(findingDto);

export const instancesQuery = z.strictObject({
  service: name.optional(),
  environment: name.optional(),
  category: z.enum([...DRIFT_CATEGORIES, "silent"]).optional(),
  region: shortText.optional(),
  limit,
  cursor: cursor.optional(),
});
export const instanceDto = z.strictObject({
  id: uuid,
  key: z.string(),
  service: z.string().nullable(),
  environment: z.string(),
  partition: z.string(),
  component: z.string(),
  target: z.strictObject({ id: z.string(), key: z.string() }),
  agent: z.strictObject({ id: uuid, name: z.string() }),
  region: z.string().nullable(),
  categories: z.array(z.enum(DRIFT_CATEGORIES)),
  severity: z.enum(SEVERITIES),
  assigned: releaseRef.nullable(),
  running: z.strictObject({ version: z.string().nullable(), digest: digest.nullable(), reference: z.string().nullable() }),
  state: z.enum(INSTANCE_STATES),
  health: z.enum(HEALTH),
  restarts: count,
  startedAt: instant.nullable(),
  factsSince: instant,
  lastReportAt: instant,
  freshness: z.enum(FRESHNESS),
});
export type InstanceDto = z.infer<typeof instanceDto>;
export const instancePage = page(instanceDto);

export const instanceDetail = instanceDto.extend({
  /** For one that is not there any more: when it was last there, and the word for how that ended. What is said of it is of then. */
  ended: z.strictObject({ at: instant, reason: z.string() }).nullable(),
  digests: z.array(z.strictObject({ digest, kind: z.string(), repository: z.string().nullable() })),
  mutated: z.strictObject({ count, paths: z.array(z.string()) }).nullable(),
  lastExit: z.strictObject({ code: z.int(), at: instant.optional(), oom: z.boolean().optional() }).nullable(),
  managedBy: z.strictObject({ tool: z.string(), name: z.string().optional(), autoSync: z.boolean().optional(), detail: z.string().optional() }).nullable(),
  canAct: z.boolean(),
  cannotActReason: z.string().nullable(),
  generation: z.int().nullable(),
  findings: z.array(findingDto),
  /** The last 24 h, of one that has ended the last before that: closed spans and the open one, oldest first. */
  lane: z.array(z.strictObject({ from: instant, to: instant.nullable(), version: z.string().nullable(), digest: digest.nullable(), state: z.string(), health: z.string(), endReason: z.string().nullable() })),
  events: z.array(z.strictObject({ at: instant, kind: z.string(), by: z.string().nullable(), learnedAt: instant, detail: z.record(z.string(), z.unknown()) })),
  raw: z.record(z.string(), z.unknown()),
});
export type InstanceDetail = z.infer<typeof instanceDetail>;

export const serviceDto = z.strictObject({
  name: z.string(),
  /** The other names that mean it. */
  aliases: z.array(z.string()),
  /** Those of them that were only added: they may be given up. */
  addedNames: z.array(z.string()),
  adopted: z.boolean(),
  ownerTeam: z.string().nullable(),
  environments: z.array(
    z.strictObject({
      environment: environmentDto,
      partition: z.string(),
      /** Which targets it takes; empty for `default`, and where only mapping rules put some. */
      selector: z.record(z.string(), z.string()),
      pin: pinRef.nullable(),
      assigned: releaseRef.nullable(),
      assignment: z.strictObject({ entry: z.int(), revision: z.int(), at: instant, by: z.string() }).nullable(),
      /** Who decides what runs here; `external`: what a deployer brings is followed, and is no drift. */
      authority: z.enum(AUTHORITIES),
      hold: z.strictObject({ entry: z.int(), version: z.string().nullable(), at: instant, by: z.string() }).nullable(),
      rollout: rolloutRefLite(),
      running: z.array(z.strictObject({ version: z.string().nullable(), digest: digest.nullable(), instances: count, unhealthy: count, worst: z.enum(DRIFT_CATEGORIES), severity: z.enum(SEVERITIES) })),
      instances: count,
      silent: count,
      oldestReportAt: instant.nullable(),
    }),
  ),
  /** Runs that are over, counted by target and bytes, the latest first. */
  runs: z.array(z.strictObject({ target: z.string(), agent: z.string(), kind: z.enum(TARGET_KINDS), environment: z.string(), digest: digest.nullable(), version: z.string().nullable(), runs: count, failed: count, firstAt: instant, lastAt: instant, lastExit: z.int().nullable() })).max(50),
  /** Per environment, who was assigned when, newest first. */
  history: z.array(z.strictObject({ environment: z.string(), partition: z.string(), at: instant, kind: z.enum(ROLLOUT_KINDS), version: z.string().nullable(), rollout: uuid, number: z.int(), status: z.string() })).max(200),
});
function rolloutRefLite() {
  return z.strictObject({ id: uuid, number: z.int(), kind: z.enum(ROLLOUT_KINDS), verified: count, total: count }).nullable();
}
export type ServiceDto = z.infer<typeof serviceDto>;

export const statusQuery = z.strictObject({ service: name.optional(), environment: name.optional() });
/** GET /api/v1/status: for scripts. `inSync` is false when any finding is open or anything is silent. */
export const statusDto = z.strictObject({
  inSync: z.boolean(),
  asOf: instant,
  instances: count,
  cells: z.array(z.strictObject({ service: z.string(), environment: z.string(), worst: z.string().nullable(), severity: z.enum(SEVERITIES), assigned: z.string().nullable(), instances: count, deviating: count, silent: count })).max(2_000),
});
export type StatusDto = z.infer<typeof statusDto>;

export const agentDto = z.strictObject({ id: uuid, name: z.string(), pool: z.string(), runtime: z.string(), version: z.string(), state: z.enum(["active", "late", "silent", "retired"]), region: z.string().nullable(), environments: z.array(z.string()), instances: count, lastReportAt: instant.nullable(), coverageComplete: z.boolean(), desiredVersion: z.int(), heldVersion: z.int(), refusal: z.string().nullable() });
export type AgentDto = z.infer<typeof agentDto>;
export const agentPage = page(agentDto);

/** GET /api/v1/services */
export const serviceSummary = z.strictObject({ name: z.string(), adopted: z.boolean(), ownerTeam: z.string().nullable(), severity: z.enum(SEVERITIES), instances: count, deviating: count, silent: count, environments: z.array(z.string()) });
export type ServiceSummary = z.infer<typeof serviceSummary>;
export const servicePage = page(serviceSummary);
