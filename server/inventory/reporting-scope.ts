import type { Db } from "@/server/db";
import type { LedgerNames, ReportableEnvironment } from "./mapping-rules";

/** One (agent, scope), whose reports are taken one at a time. */
export type ReportingScope = {
  db: Db;
  id: bigint;
  agentId: string;
  /** When it was last heard before this report; null for the first time. */
  heardAt: Date | null;
  environments: readonly ReportableEnvironment[];
  names: LedgerNames;
  /** How many targets and instances it has before this report. */
  live: { targets: number; instances: number };
};
