import { z } from "zod";

/** What server-sent events carry: keys, never data. `id` resumes; a lost id makes the client refetch. */
export const TOPICS = ["fleet", "findings", "rollout", "release", "assignment", "agent", "ledger", "settings", "access", "delivery"] as const;
export const changeEvent = z.strictObject({ topic: z.enum(TOPICS), service: z.string().nullable(), environment: z.string().nullable(), key: z.string().nullable() });
export type ChangeEvent = z.infer<typeof changeEvent>;
