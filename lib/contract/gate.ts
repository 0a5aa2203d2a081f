import { z } from "zod";
import { digest, instant, name } from "./primitives";

export const gateQuery = z.strictObject({ service: name, environment: name, partition: name.default("default"), digest });
/** Whether bytes may be deployed at a place, for who deploys them without Plumbline: a pipeline, a hook of another tool. */
export const gateDto = z.strictObject({
  allowed: z.boolean(),
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  digest: z.string(),
  /** The release that the digest stands for here; null when it is none of this service's. */
  version: z.string().nullable(),
  /** Stands where that release was adopted as it ran: nobody vouched for it. */
  adopted: z.literal(true).optional(),
  /** Empty when it is allowed. */
  reasons: z.array(z.strictObject({ reason: z.string(), sentence: z.string() })),
  asOf: instant,
});
export type GateDto = z.infer<typeof gateDto>;
