import type { LedgerNames, ReportableEnvironment } from "./mapping-rules";

/** One (agent, scope), whose reports are taken one at a time. */
export type ReportingScope = { id: bigint; agentId: string; /** When it was last heard before this report; null for the first time. */ heardAt: Date | null; environments: readonly ReportableEnvironment[]; names: LedgerNames };
