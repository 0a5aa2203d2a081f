"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import { plural } from "@/app/(dashboard)/words";
import { Button } from "@/components/ui/button";
import { formatCount } from "@/components/ui/format";
import { SectionHead } from "@/components/ui/verdict";
import type { MatrixDto } from "@/lib/contract/fleet";
import { useRefusal } from "@/lib/queries/use-session";
import { countNotAdopted } from "./to-adoption";

/** The matrix lists no more services. */
const MOST_ROWS = 500;

const AdoptDialog = dynamic(() => import("./adopt").then((module) => module.AdoptDialog), { ssr: false });

/** What was observed and nobody decided about, and the way to take it as it is. Nothing where there is none. */
export function NotAdopted({ matrix, environment, service }: { matrix: MatrixDto | undefined; environment: string | null; service: string | null }) {
  const refusal = useRefusal();
  const [adopting, setAdopting] = useState(false);
  const { services, instances } = countNotAdopted(matrix, { environment, service });
  const more = (matrix?.rows.length ?? 0) >= MOST_ROWS ? "+" : "";
  return (
    <>
      {services > 0 ? (
        <section className="section" aria-labelledby="not-adopted">
          <SectionHead id="not-adopted" title="Not adopted" note="observed, nobody decided; counts for nothing" end={`${formatCount(instances)}${more}`} />
          <p>
            {formatCount(services)}
            {more} {plural(services, "service runs", "services run")} here with {formatCount(instances)}
            {more} {plural(instances, "instance")}, and the ledger does not know what they should run. Adopting takes what runs as it is; no host is touched.
          </p>
          <div className="state-actions">
            <Button disabledReason={refusal("fleet.adopt", { ...(environment !== null && { environment }), ...(service !== null && { service }) })} onClick={() => setAdopting(true)}>
              Adopt {formatCount(services)}
              {more} {plural(services, "service")}…
            </Button>
          </div>
        </section>
      ) : null}
      {adopting ? <AdoptDialog environment={environment} service={service} onClose={() => setAdopting(false)} /> : null}
    </>
  );
}
