import type { ReactNode } from "react";

/** A key of the keyboard. */
export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className="kbd">{children}</kbd>;
}

/** A small outlined word beside a name: "protected". */
export function Tag({ children }: { children: ReactNode }) {
  return <span className="tag">{children}</span>;
}
