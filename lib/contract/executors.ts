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
