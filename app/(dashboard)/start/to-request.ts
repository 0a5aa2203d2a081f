import type { Start } from "@/app/(dashboard)/start/start";
import type { StartDecision } from "@/components/rollouts/start-body";
import type { PromoteRequest, ReplaceRequest, RolloutPreview, RollbackRequest, StopRequest } from "@/lib/contract/rollouts";

export type StrategyChoice = "environment" | "all-at-once" | "waves";

/** What the dialog lets a person choose besides the release. */
export interface Choices {
  incident: string;
  /** As the environment says for this kind; everyone at once, for a promotion; in the promotion's waves, for a rollback. */
  strategy: StrategyChoice;
  overrideFreeze: boolean;
}

/** Where a decision is sent, and what. A rollback to the assigned release stays one: the server puts it back. */
export function toRequest(start: Start, preview: Pick<RolloutPreview, "to" | "revision" | "forwardFix">, decision: StartDecision, choices: Choices): { path: string; body: Record<string, unknown> } {
  const { kind, service, environment, partition } = start;
  const incident = choices.incident.trim();
  const common = { service, environment, partition, ...(incident ? { incident } : {}) };
  const { revision, to } = preview;
  const targets = start.targets ? { targets: [...start.targets] } : {};
  switch (kind) {
    case "promote": {
      const body: PromoteRequest = { ...common, version: to?.version ?? start.version ?? "", strategy: choices.strategy === "all-at-once" ? "all-at-once" : "environment", revision, overrideFreeze: choices.overrideFreeze, ...(decision.reason ? { reason: decision.reason } : {}) };
      return { path: "promotions", body };
    }
    case "rollback": {
      const body: RollbackRequest = {
        ...common,
        ...(to ? { version: to.version } : {}),
        reason: decision.reason,
        hold: decision.hold,
        revision,
        strategy: choices.strategy === "waves" ? "waves" : "fast-track",
        ...(preview.forwardFix && decision.typed !== null ? { acceptForwardFix: decision.typed } : {}),
      };
      return { path: "rollbacks", body };
    }
    case "reconverge":
      return { path: "reconverge", body: { ...common, ...targets, reason: decision.reason } };
    case "replace": {
      const body: ReplaceRequest = { ...common, ...targets, reason: decision.reason, revision };
      return { path: "replacements", body };
    }
    case "stop": {
      const body: StopRequest = { ...common, reason: decision.reason, confirm: decision.typed ?? "", revision };
      return { path: "stops", body };
    }
    default:
      return kind satisfies never;
  }
}
