import type { RouteHandler } from "./handle";

/** A route of the agents' door: its handler needs nothing of Next, so that the listener can serve it directly. */
export type AgentRoute = { method: "GET" | "POST"; path: string; handler: RouteHandler };

export const agentRoutes: readonly AgentRoute[] = [];
