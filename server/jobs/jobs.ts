import { signCheckpoint } from "@/server/ledger/sign-checkpoint";
import { advanceRollouts } from "@/server/rollouts/advance-rollouts";
import { prune } from "./prune";
import type { Job } from "./run-jobs";

const MINUTE_MS = 60_000;

/** Everything that happens without a request. */
export const jobs: readonly Job[] = [
  { name: "sign-checkpoint", everyMs: 150, leased: false, run: signCheckpoint },
  { name: "advance-rollouts", everyMs: 250, leased: false, run: advanceRollouts },
  { name: "prune", everyMs: 10 * MINUTE_MS, leased: true, run: prune },
];
