import { z } from "zod";
import { ROLLOUT_KINDS, TARGET_STATUSES } from "@/lib/domain/rollout/statuses";
import { count, counter, cursor, digest, instant, limit, name, page, uuid } from "./primitives";

// ------------------------------------------------------------------------------------------------
// Executors: what carries a rollout out instead of the agents.

const pattern = z.string().regex(/^[a-z0-9._*-]{1,64}$/, "a name, in which * stands for any characters");
/** Where it is reached; http only where PLUMBLINE_OUTBOUND_ALLOW says so, which is checked when it is used. */
const address = z.url({ protocol: /^https?$/ }).max(2_000).refine((url) => !/^[a-z]+:\/\/[^/?#]*@/i.test(url), "must not hold a user or a password");
const baseUrl = address.refine((url) => !/[?#]/.test(url), "must not hold a query");
/** One part of a path, as GitHub names owners, repositories and workflow files. */
const part = z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/, "letters, digits, dots, dashes and underscores");
const ref = z.string().regex(/^(?!\/)[^\s~^:?*[\\\p{C}]{1,200}$/u, "a branch or tag");

export const executorConfig = z.discriminatedUnion("kind", [
  /** A POST signed as the Standard Webhooks specification says. */
  z.strictObject({ kind: z.literal("webhook"), url: address }),
  /** Runs a workflow (`workflow_dispatch`), or sends a `repository_dispatch` event when no workflow is named. */
  z.strictObject({ kind: z.literal("github"), baseUrl: baseUrl.default("https://api.github.com"), owner: part, repo: part, workflow: part.nullable().default(null), ref: ref.default("main") }),
  /** Triggers a pipeline. `project` is its number or path. */
  z.strictObject({ kind: z.literal("gitlab"), baseUrl: baseUrl.default("https://gitlab.com"), project: z.string().regex(/^[A-Za-z0-9._/-]{1,200}$/, "a number, or a path such as group/project"), ref: ref.default("main") }),
]);
export type ExecutorConfig = z.infer<typeof executorConfig>;

const secret = z.string().trim().min(1).max(1_000).regex(/^[\x21-\x7e]*$/, "visible ASCII characters without spaces");

export const createExecutorRequest = z.strictObject({
  name,
  service: pattern.default("*"),
  environment: pattern.default("*"),
  config: executorConfig,
  /** github, gitlab: the token that may dispatch, necessary. webhook: a `whsec_` secret of one's own; made when absent. */
  secret: secret.optional(),
});
/** What is left out stays as it was. */
export const changeExecutorRequest = z.strictObject({
  name: name.optional(),
  service: pattern.optional(),
  environment: pattern.optional(),
  /** Whole, of the same kind. */
  config: executorConfig.optional(),
  /** From now on, instead of the one that is kept; necessary when a token would go to another host. A token comes with the config that it is for. null: a webhook's is made anew. */
  secret: secret.nullable().optional(),
});
export const executorDto = z.strictObject({
  id: uuid,
  name: z.string(),
  service: z.string(),
  environment: z.string(),
  config: executorConfig,
  createdBy: z.string(),
  createdAt: instant,
  /** The last thing that it was told, and how that went. */
  last: z.strictObject({ at: instant, status: z.enum(["pending", "sent", "failed"]), error: z.string().nullable() }).nullable(),
});
export type ExecutorDto = z.infer<typeof executorDto>;
export const executorPage = page(executorDto).extend({
  /** Verifies what checks before a wave are asked (`v1a` of Standard Webhooks). */
  checkKey: z.string(),
});
export type ExecutorPage = z.infer<typeof executorPage>;
/** `secret`: what signs a webhook's messages, here and nowhere else; null for a token, which its maker knows. */
export const createdExecutor = executorDto.extend({ secret: z.string().nullable() });
export type CreatedExecutor = z.infer<typeof createdExecutor>;
export const removedExecutor = z.strictObject({ id: uuid, removedAt: instant });
export const testedExecutor = z.strictObject({ ok: z.boolean(), status: z.int().nullable(), sentence: z.string() });
export type TestedExecutor = z.infer<typeof testedExecutor>;

// ------------------------------------------------------------------------------------------------
// What they are told.

const releaseName = z.strictObject({ release: z.string(), version: z.string() });
const orderTarget = z.strictObject({ key: z.string(), agent: z.string(), scope: z.string(), labels: z.record(z.string(), z.string()) });

/** What an executor is told to carry out, as it stands in the outbox: the decision, from its own entry. */
export const waveOrder = z.strictObject({
  rollout: z.strictObject({ id: uuid, number: z.int(), kind: z.enum(ROLLOUT_KINDS) }),
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  /** `number` counts from 1. */
  wave: z.strictObject({ number: z.int(), name: z.string(), of: z.int() }),
  from: releaseName.nullable(),
  /** null: nothing should run here. `digest` is what to pull; a runtime may name any of `digests`, and each is right. */
  to: releaseName.extend({ components: z.array(z.strictObject({ name: z.string(), repository: z.string(), digest, digests: z.array(digest) })) }).nullable(),
  /** At most 1,000 are listed; labels go along with at most 100. */
  targets: z.strictObject({ count, items: z.array(orderTarget) }),
  incident: z.string().nullable(),
  /** The hold that the decision placed. */
  hold: z.string().nullable(),
  /** Whether somebody gave a reason; the text stays in Plumbline. */
  reasonGiven: z.boolean(),
  entry: z.strictObject({ index: z.int(), at: instant }),
  openedAt: instant,
});
export type WaveOrder = z.infer<typeof waveOrder>;

/** That a decision stands in the ledger: verified offline, with the log's key alone. */
export const decisionProof = z.strictObject({
  origin: z.string(),
  /** The log's key (C2SP signed note). Compare it with the one that you know: what comes along proves nothing. */
  vkey: z.string(),
  /** Base64 of the entry's exact bytes. */
  entry: z.string(),
  index: counter,
  /** Tree size of the checkpoint. */
  size: counter,
  /** Inclusion proof (RFC 9162), base64, from the leaf's sibling upwards. */
  hashes: z.array(z.string()),
  /** The signed note. */
  checkpoint: z.string(),
  /** All but the entry in one text (C2SP tlog-proof). */
  tlogProof: z.string(),
});
export type DecisionProof = z.infer<typeof decisionProof>;

/** The body of a webhook. */
export const waveMessage = z.strictObject({
  type: z.literal("wave-opened"),
  timestamp: instant,
  data: waveOrder.extend({
    /** The rollout's page. */
    url: z.string(),
    /** `more`: where all of them can be paged through, when more than are listed. */
    targets: waveOrder.shape.targets.extend({ more: z.string().nullable() }),
    proof: decisionProof,
  }),
});
export type WaveMessage = z.infer<typeof waveMessage>;
/** The body of a webhook that is only tried out. */
export const testMessage = z.strictObject({ type: z.literal("test"), timestamp: instant, data: z.strictObject({ executor: z.strictObject({ id: uuid, name: z.string() }), sentBy: z.string() }) });
export type TestMessage = z.infer<typeof testMessage>;

export const rolloutTargetsQuery = z.strictObject({ wave: z.coerce.number().int().min(1).max(100_000).optional(), limit, cursor: cursor.optional() });
export const rolloutTargetDto = orderTarget.extend({ id: z.string(), wave: z.int(), status: z.enum(TARGET_STATUSES) });
export type RolloutTargetDto = z.infer<typeof rolloutTargetDto>;
export const rolloutTargetPage = page(rolloutTargetDto);

// ------------------------------------------------------------------------------------------------
// Checks before a wave.

/** What a check before a wave is asked, as it is POSTed; the answer is `{"ok": boolean, "reason"?: string}`. */
export const checkRequest = z.strictObject({
  type: z.literal("check-asked"),
  timestamp: instant,
  data: z.strictObject({
    rollout: waveOrder.shape.rollout,
    service: z.string(),
    environment: z.string(),
    partition: z.string(),
    /** The wave that would open. */
    wave: waveOrder.shape.wave,
    from: releaseName.nullable(),
    to: releaseName.nullable(),
    /** Targets of the whole rollout so far. */
    counts: z.strictObject({ total: count, verified: count, failed: count, inFlight: count }),
    /** From 1. */
    attempt: z.int(),
  }),
});

