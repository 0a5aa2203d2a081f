import { runChecks } from "@/server/executors/run-checks";
import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { sendDeliveries } from "@/server/outbound/deliver";
import { settlePartitions } from "@/server/partitions/settle-partitions";
import { advanceRolloutsInTurns } from "@/server/rollouts/advance-rollouts";
import { followDeployers } from "@/server/rollouts/external/follow-deployers";
import { endPreviews } from "./end-previews";
import { ensureSpanPartitions } from "./ensure-span-partitions";
import { notifyFindings } from "@/server/notifications/notify-findings";
import { prune } from "./prune";
import type { Job } from "./run-jobs";
import { settleMissing } from "./settle-missing";
import { watchPolicies } from "./watch-policies";
import { watchPools } from "./watch-pools";
import { watchSilence } from "./watch-silence";

const MINUTE_MS = 60_000;
/** So many deliveries go out at once; each lane waits for its own destination only. */
const DELIVERY_LANES = ["a", "b", "c", "d"];

/** Everything that happens without a request. */
export const jobs: readonly Job[] = [
  { name: "sign-checkpoint", everyMs: 150, leased: false, run: signCheckpoint },
  { name: "advance-rollouts", everyMs: 250, leased: false, run: advanceRolloutsInTurns() },
  { name: "follow-deployers", everyMs: 1_000, leased: true, run: followDeployers() },
  { name: "run-checks", everyMs: 500, leased: false, run: runChecks },
  ...DELIVERY_LANES.map((lane): Job => ({ name: `send-deliveries-${lane}`, everyMs: 500, leased: false, run: (app) => sendDeliveries(app) })),
  { name: "watch-silence", everyMs: 1_000, leased: true, run: (app) => watchSilence(app) },
  { name: "watch-pools", everyMs: 5_000, leased: true, run: (app) => watchPools(app) },
  { name: "end-previews", everyMs: 30_000, leased: true, run: (app) => endPreviews(app) },
  { name: "settle-missing", everyMs: 5_000, leased: true, run: (app) => settleMissing(app) },
  { name: "settle-partitions", everyMs: 30_000, leased: true, run: (app) => settlePartitions(app) },
  { name: "notify-findings", everyMs: 2_000, leased: true, run: notifyFindings() },
  { name: "watch-policies", everyMs: 2_000, leased: true, run: watchPolicies() },
  { name: "ensure-span-partitions", everyMs: 12 * 60 * MINUTE_MS, leased: true, run: ensureSpanPartitions },
  { name: "prune", everyMs: 10 * MINUTE_MS, leased: true, run: prune },
];
