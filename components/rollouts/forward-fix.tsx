import type { ReactNode } from "react";
import { StatusShape } from "@/components/ui/status-shape";

export interface ForwardFixProps {
  /** Which release migrated what, and how far back is still safe. */
  sentence: string;
  /** What can be done instead, the safest first; the rollback all the same is confirmed below, typed. */
  children: ReactNode;
}

/** A migration lies between: going back may not work with the data. Says so first, and what else there is. */
export function ForwardFix({ sentence, children }: ForwardFixProps) {
  return (
    <section className="changed" data-tone="drift" aria-label="A migration lies between">
      <h3>
        <StatusShape kind="drift" /> Going back may not work with the data.
      </h3>
      <p>{sentence}</p>
      <div className="state-actions">{children}</div>
    </section>
  );
}
