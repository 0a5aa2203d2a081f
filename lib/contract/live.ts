import { z } from "zod";

/** What server-sent events carry: keys, never data. `id` resumes; a lost id makes the client refetch. */
export const TOPICS = ["fleet", "findings", "rollout", "release", "assignment", "agent", "ledger", "settings", "access"] as const;
export const changeEvent = z.strictObject({ topic: z.enum(TOPICS), service: z.string().nullable(), environment: z.string().nullable(), key: z.string().nullable() });
export type ChangeEvent = z.infer<typeof changeEvent>;
/** Event names: `change` (ChangeEvent[]), `reset` (refetch everything), `hello` ({at}), and `beat` ({at}) every 10 s: a client that hears nothing for 20 s is offline. */
export const SSE_EVENTS = ["hello", "beat", "change", "reset"] as const;
