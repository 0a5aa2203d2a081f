import type { InventoryReport } from "@/lib/contract/agent";
import type { ReportableEnvironment } from "./mapping-rules";

/** One (agent, scope), whose reports are taken one at a time. */
export type ReportingScope = {
  id: bigint;
  agentId: string;
  /** The names of the agent and of its pool, for rules. */
  agent: string;
  pool: string;
  /** When it was last heard before this report; null for the first time. */
  heardAt: Date | null;
  environments: readonly ReportableEnvironment[];
  /** How many targets and instances it has before this report; counted for a full one only. */
  live: { targets: number; instances: number };
};

/** What one scope says; the reports that are taken together are of scopes that differ. */
export type ScopedReport = { scope: ReportingScope; report: InventoryReport };

/** A key of one scope, as the key of a map. */
export function keyIn(scopeId: bigint, key: string): string {
  return `${scopeId} ${key}`;
}
