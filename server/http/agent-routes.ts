/** A route of the agents' door: its handler needs nothing of Next, so that the listener can serve it directly. */
export type AgentRoute = { method: "GET" | "POST"; path: string; handler: (request: Request) => Promise<Response> };

export const agentRoutes: readonly AgentRoute[] = [];
