import Link from "next/link";
import type { ReactNode } from "react";

export interface FactView {
  name: string;
  text: ReactNode;
  href?: string;
}

/** What else is true, name by name. */
export function Facts({ label, facts }: { label: string; facts: readonly FactView[] }) {
  return (
    <dl className="facts" aria-label={label}>
      {facts.map((fact) => (
        <div key={fact.name}>
          <dt>{fact.name}</dt>
          <dd>
            {fact.href ? (
              <Link className="link" href={fact.href}>
                {fact.text}
              </Link>
            ) : (
              fact.text
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
