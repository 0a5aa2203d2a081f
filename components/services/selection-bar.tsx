import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";

export interface SelectionBarProps {
  /** "3 targets selected, 7 instances". */
  words: string;
  onClear: () => void;
  /** What can be done with them. */
  children: ReactNode;
}

/** What is selected and what can be done with it; stays at the lower edge while rows scroll. */
export function SelectionBar({ words, onClear, children }: SelectionBarProps) {
  return (
    <section className="selection-bar" aria-label="Selection">
      <b aria-live="polite">{words}</b>
      {children}
      <Button look="quiet" onClick={onClear}>
        Clear the selection
      </Button>
    </section>
  );
}
