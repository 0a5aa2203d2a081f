import { z } from "zod";
import { ROLLOUT_KINDS } from "@/lib/domain/rollout/statuses";
import { count, instant, uuid } from "./primitives";

/** What an executor is told to carry out, as it stands in the outbox: the decision, from its own entry. */
export const waveOrder = z.strictObject({
  rollout: z.strictObject({ id: uuid, number: z.int(), kind: z.enum(ROLLOUT_KINDS) }),
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  /** `number` counts from 1. */
  wave: z.strictObject({ number: z.int(), name: z.string(), of: z.int() }),
  from: z.strictObject({ release: z.string(), version: z.string() }).nullable(),
  /** null: nothing should run here. Any of a component's digests is right. */
  to: z.strictObject({ release: z.string(), version: z.string(), components: z.array(z.strictObject({ name: z.string(), repository: z.string(), digests: z.array(z.string()) })) }).nullable(),
  /** At most 1,000 are listed; labels go along with at most 100. */
  targets: z.strictObject({ count, items: z.array(z.strictObject({ key: z.string(), agent: z.string(), scope: z.string(), labels: z.record(z.string(), z.string()) })) }),
  incident: z.string().nullable(),
  /** The hold that the decision placed. */
  hold: z.string().nullable(),
  /** Whether somebody gave a reason; the text stays in Plumbline. */
  reasonGiven: z.boolean(),
  entry: z.strictObject({ index: z.int(), at: instant }),
});
export type WaveOrder = z.infer<typeof waveOrder>;

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
    from: waveOrder.shape.from,
    to: waveOrder.shape.from,
    /** Targets of the whole rollout so far. */
    counts: z.strictObject({ total: count, verified: count, failed: count, inFlight: count }),
    /** From 1. */
    attempt: z.int(),
  }),
});
