import { getDesired, postProgress } from "@/server/desired/agent-handlers";
import { afterTelling } from "@/server/desired/telling";
import { postEnroll, postInventory, postLeave } from "@/server/inventory/agent-handlers";
import type { RouteHandler } from "./handle";

/** A route of the agents' door: its handler needs nothing of Next, so that the listener can serve it directly. */
export type AgentRoute = {
  method: "GET" | "POST";
  path: string;
  handler: RouteHandler;
  /** What a request waits for before it is read. */
  after?: () => Promise<void>;
};

/** What agents may ask. app/api/agent/v1 exports the same handlers, for who runs Next without our listener. */
export const agentRoutes: readonly AgentRoute[] = [
  { method: "POST", path: "/api/agent/v1/enroll", handler: postEnroll },
  { method: "POST", path: "/api/agent/v1/inventory", handler: postInventory, after: afterTelling },
  { method: "GET", path: "/api/agent/v1/desired", handler: getDesired, after: afterTelling },
  { method: "POST", path: "/api/agent/v1/progress", handler: postProgress, after: afterTelling },
  { method: "POST", path: "/api/agent/v1/leave", handler: postLeave },
];
