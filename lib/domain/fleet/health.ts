/** What the runtime says about a copy. Never mixed with drift. */
export const HEALTH = ["healthy", "unhealthy", "unknown"] as const;
export type Health = (typeof HEALTH)[number];

export const INSTANCE_STATES = ["starting", "running", "waiting", "exited"] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

/** What an agent's journal can tell about the time between two reports. */
export const REPORTED_EVENT_KINDS = ["start", "stop", "restart", "oom", "exec", "settings", "declared"] as const;
