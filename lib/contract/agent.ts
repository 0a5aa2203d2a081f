import { z } from "zod";
import { DIGEST_KINDS } from "@/lib/domain/fleet/digests";
import { HEALTH, INSTANCE_STATES, REPORTED_EVENT_KINDS } from "@/lib/domain/fleet/health";
import { TARGET_KINDS } from "@/lib/domain/rollout/statuses";
import { count, counter, digest, instant, shortText, shownText, uuid } from "./primitives";

/** The agents' door, /api/agent/v1 (domain.md "Wire formats"). Unknown fields are refused: strictness is per `v`. */

/** The protocol versions that this server understands; every answer carries them. */
export const ACCEPTS = { min: 1, max: 1 } as const;
export const PROTOCOL_HEADER = "plumbline-accepts";

export const MAX_BODY_BYTES = 4 * 1024 * 1024;
export const MAX_DEPTH = 32;
export const AGENT_RUNTIMES = ["docker", "exec", "kubernetes", "systemd", "simulated"] as const;

const key = z.string().min(1).max(400);
const v = z.literal(1);
const labels = z.record(z.string().min(1).max(200), shownText.max(500)).refine((map) => Object.keys(map).length <= 16, "at most 16 labels");
export const scopeName = z.string().min(1).max(200).regex(/^(engine|namespace\/[a-z0-9]([a-z0-9.-]{0,62}))$/, "must be `engine` or `namespace/<name>`");

export const enrolRequest = z.strictObject({
  v,
  token: z.string().min(10).max(200),
  name: shortText,
  machineId: z.string().min(1).max(200).optional(),
  runtime: z.enum(AGENT_RUNTIMES),
  agentVersion: z.string().min(1).max(50),
  scopes: z.array(scopeName).min(1).max(64).default(["engine"]),
  region: z.string().min(1).max(100).optional(),
  intervalMs: z.int().min(100).max(3_600_000).default(15_000),
});
export type EnrolRequest = z.input<typeof enrolRequest>;

export const enrolResponse = z.strictObject({
  agent: uuid,
  token: z.string(),
  /** The ledger's origin, for example `plumbline/3f9c…`. */
  origin: z.string(),
  epoch: z.int(),
  /** The verification key as a signed-note vkey. */
  vkey: z.string(),
  recoveryVkey: z.string(),
  /** The newest signed checkpoint, a signed note. */
  checkpoint: z.string(),
  intervalMs: z.int(),
  /** Keys HMACs of settings; hex. Values cannot be guessed from digests without it. */
  settingsKey: z.string(),
  environments: z.array(z.string()),
  /** Whether its pool's hosts come and go: it says good-bye when it is stopped. */
  ephemeral: z.boolean(),
  accepts: z.strictObject({ min: z.int(), max: z.int() }),
});
export type EnrolResponse = z.infer<typeof enrolResponse>;

export const reportedImage = z.strictObject({
  digests: z.array(z.strictObject({ digest, kind: z.enum(DIGEST_KINDS), repository: z.string().min(1).max(300).optional() })).max(200),
  reference: z.string().max(500).optional(),
  layers: z.array(digest).max(500).optional(),
});

export const reportedTarget = z.strictObject({
  key,
  kind: z.enum(TARGET_KINDS).default("service"),
  namespace: z.string().max(253).optional(),
  labels: labels.default({}),
  /** What the runtime would start next, per component; `declared` is a digest or null when it names none. */
  components: z.array(z.strictObject({ name: z.string().min(1).max(100), declared: digest.nullable().default(null) })).max(50).default([]),
  /** How many instances the runtime itself wants; null is never judged. */
  desired: z.int().min(0).max(1_000_000).nullable(),
  ready: z.int().min(0).max(1_000_000).optional(),
  /** Who else keeps it as it is; `autoSync`: it puts its own version back without anybody's command. `detail` is the file or unit to change there. */
  managedBy: z.strictObject({ tool: shortText, name: shortText.optional(), autoSync: z.boolean().optional(), detail: shownText.min(1).max(300).optional() }).nullable().optional(),
  canAct: z.boolean().default(false),
  cannotActReason: shownText.max(500).optional(),
});

export const reportedInstance = z.strictObject({
  key,
  target: key,
  /** The container's or process's own name; the server maps it to a component. */
  component: z.string().min(1).max(100).default("main"),
  /** Index into this report's `images`. */
  image: z.int().min(0).max(100_000),
  state: z.enum(INSTANCE_STATES),
  health: z.enum(HEALTH),
  startedAt: instant.nullable().optional(),
  restarts: z.int().min(0).max(1_000_000_000).default(0),
  lastExit: z.strictObject({ code: z.int(), at: instant.optional(), oom: z.boolean().optional() }).nullable().optional(),
  settingsDigest: digest.optional(),
  mutated: z.strictObject({ count, paths: z.array(z.string().max(500)).max(20) }).nullable().optional(),
  labels: labels.optional(),
  region: z.string().min(1).max(100).optional(),
});

export const reportedEvent = z.strictObject({
  id: z.string().min(1).max(100),
  at: instant,
  target: key,
  instance: key.optional(),
  kind: z.enum(REPORTED_EVENT_KINDS),
  digest: digest.optional(),
  by: z.string().max(200).optional(),
  detail: z.record(z.string().max(100), z.union([z.string().max(2_000), z.number(), z.boolean(), z.null()])).default({}),
});

export const inventoryReport = z.strictObject({
  v,
  bootId: z.string().min(8).max(100),
  seq: counter.min(1),
  observedAt: instant,
  scope: scopeName,
  kind: z.enum(["full", "delta"]),
  part: z.int().min(1).max(64).default(1),
  parts: z.int().min(1).max(64).default(1),
  coverage: z.strictObject({ complete: z.boolean(), errors: z.array(z.strictObject({ target: z.string().max(400).optional(), message: z.string().max(500) })).max(100) }),
  images: z.array(reportedImage).max(20_000).default([]),
  targets: z.array(reportedTarget).max(20_000).default([]),
  instances: z.array(reportedInstance).max(20_000).default([]),
  /** Keys of instances that are gone (delta only); `target:<key>` names a target that is gone. */
  removed: z.array(z.string().min(1).max(410)).max(20_000).default([]),
  events: z.array(reportedEvent).max(2_000).default([]),
});
export type InventoryReport = z.infer<typeof inventoryReport>;
export type InventoryReportInput = z.input<typeof inventoryReport>;

export const inventoryResponse = z.strictObject({
  accepted: z.boolean(),
  /** True when (bootId, seq) had been recorded before; nothing was written. */
  duplicate: z.boolean(),
  seq: counter,
  /** The newest desired-state version of this agent; above what it holds, it should fetch. */
  desiredVersion: counter,
  accepts: z.strictObject({ min: z.int(), max: z.int() }),
});
export type InventoryResponse = z.infer<typeof inventoryResponse>;

/** Query of GET desired. `after` is the version the agent holds, `checkpoint` the tree size it has seen. */
export const desiredQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  wait: z.coerce.number().min(0).max(30).default(0),
  nonce: z.string().min(16).max(100).regex(/^[A-Za-z0-9_-]+$/),
  checkpoint: z.coerce.number().int().min(0).default(0),
});

/** `document` is the canonical JSON of a DesiredState (lib/domain/ledger/desired-state), signed as it stands. */
export const desiredResponse = z.strictObject({
  document: z.string(),
  signature: z.string(),
  consistency: z.strictObject({ from: counter, to: counter, proof: z.array(z.string()) }).nullable(),
});
export type DesiredResponse = z.infer<typeof desiredResponse>;

export const PROGRESS_STEPS = ["acknowledged", "pulling", "pulled", "creating", "stopping", "starting", "started", "put-back", "pre-hook", "post-hook", "done", "failed", "refused", "prefetched", "prefetch-failed"] as const;
/** What is said about bytes that a later wave will need. It moves no target, and its generation is 0: nothing was offered yet. */
export const PREFETCH_STEPS = ["prefetched", "prefetch-failed"] as const satisfies readonly (typeof PROGRESS_STEPS)[number][];

export const progressReport = z.strictObject({
  v,
  /** The desired-state version that the agent now holds, verified. */
  heldVersion: counter.optional(),
  targets: z
    .array(
      z.strictObject({
        scope: scopeName.default("engine"),
        target: key,
        rollout: uuid.nullable(),
        generation: counter,
        step: z.enum(PROGRESS_STEPS),
        at: instant,
        reason: z.enum(["cannot-fetch", "start-failed", "crash-loop", "unhealthy", "not-allowed", "cannot-act", "timeout", "interrupted", "older-entry", "hook-failed", "runtime-error"]).optional(),
        message: shownText.max(2_000).optional(),
        exitCode: z.int().optional(),
        oom: z.boolean().optional(),
        healthOutput: shownText.max(4_000).optional(),
        logs: z.array(shownText.max(2_000)).max(50).optional(),
      }),
    )
    .max(1_000)
    .default([]),
  /** A desired-state document that the agent refused, and why (desired-state.ts DesiredRefusal). */
  refusal: z.strictObject({ reason: shownText.max(100), detail: shownText.max(1_000), version: counter.optional() }).nullable().optional(),
});
export type ProgressReport = z.input<typeof progressReport>;

export const leaveRequest = z.strictObject({ v, reason: z.string().max(200).default("left") });
