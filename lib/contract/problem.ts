import { z } from "zod";

/** RFC 9457 problem document; `type` is stable, `detail` is for people. */
export const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  requestId: z.string(),
  /** Where in the input, for example `targets[3].key`, and what is wrong there. */
  fields: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  /** Named reasons of a refused decision, with a sentence each. */
  reasons: z.array(z.strictObject({ reason: z.string(), sentence: z.string() })).optional(),
  /** With 409: what differs from what the caller decided on. */
  changed: z.array(z.string()).optional(),
  accepts: z.strictObject({ min: z.int(), max: z.int() }).optional(),
});
export type Problem = z.infer<typeof problem>;
