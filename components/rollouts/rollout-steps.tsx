import type { ReactNode } from "react";
import { StatusShape } from "@/components/ui/status-shape";

export interface RolloutStep {
  name: string;
  state: "done" | "now" | "next" | "failed";
  /** "02:14:31, Ines Duarte". */
  detail?: ReactNode;
}

const SHAPE = { done: "check", now: "rolling", next: "neutral", failed: "cross" } as const;
const SAYS = { done: "done", now: "under way", next: "to come", failed: "failed" } as const;

/** The receipt of an act: requested, accepted, acknowledged, verifying, done. */
export function RolloutSteps({ steps, label = "Receipt" }: { steps: readonly RolloutStep[]; label?: string }) {
  return (
    <ol className="steps" aria-label={label}>
      {steps.map((step) => (
        <li key={step.name} data-state={step.state} aria-current={step.state === "now" ? "step" : undefined}>
          <StatusShape kind={SHAPE[step.state]} size={12} />
          <b>
            {step.name}
            <span className="visually-hidden">, {SAYS[step.state]}</span>
          </b>
          {step.detail}
        </li>
      ))}
    </ol>
  );
}
