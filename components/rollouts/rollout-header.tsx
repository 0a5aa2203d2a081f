import type { ReactNode } from "react";
import { Verdict } from "@/components/ui/verdict";
import type { VerdictPart } from "@/components/ui/verdict";

export interface RolloutHeaderProps {
  /** "payments / production / R-2292, rollback, supersedes R-2291". */
  crumb: ReactNode;
  sentence: readonly VerdictPart[];
  /** Why it stands where it stands. */
  sub?: ReactNode;
  /** Pause and abort: always in sight while it moves. */
  actions?: ReactNode;
}

/** Where a rollout stands, in a sentence, with what can be done to it. On a phone the actions stay at the lower edge. */
export function RolloutHeader({ crumb, sentence, sub, actions }: RolloutHeaderProps) {
  return <Verdict crumb={crumb} parts={sentence} sub={sub} actions={actions ? <div className="dock">{actions}</div> : null} />;
}
