"use client";

import { useQuery } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { useRouter } from "next/navigation";
import { useQueryStates } from "nuqs";
import { ConnectHost } from "@/app/(dashboard)/connect-host";
import { QueryState } from "@/app/(dashboard)/query-state";
import { useRollback } from "@/app/(dashboard)/rollback/use-rollback";
import { Unjudged } from "@/app/(dashboard)/unjudged";
import { Matrix } from "@/components/fleet/matrix";
import { Age } from "@/components/ui/age";
import { Button, ButtonLink } from "@/components/ui/button";
import { Chip, Chips } from "@/components/ui/chip";
import { SearchField } from "@/components/ui/search-field";
import { StateView } from "@/components/ui/state-view";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { MatrixDto } from "@/lib/contract/fleet";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { matrixQuery } from "@/lib/queries/queries";
import { cellDeviates, describeCoverage, describeFleet, describeObserving, describeTotals } from "./describe-fleet";
import { fleetParams } from "./search-params";
import { toMatrix } from "./to-matrix";

const MapSection = dynamic(() => import("./map-section").then((module) => module.MapSection), { ssr: false });
const SEARCH_ID = "fleet-search";

export function FleetPage() {
  const query = useQuery(matrixQuery());
  return (
    <QueryState query={query} title="Fleet">
      {(dto) => <Fleet dto={dto} />}
    </QueryState>
  );
}

function Fleet({ dto }: { dto: MatrixDto }) {
  const [filter, setFilter] = useQueryStates(fleetParams);
  const [, openRollback] = useRollback();
  const router = useRouter();
  const { environments, rows } = toMatrix(dto, { search: filter.q, deviating: filter.deviating });
  const deviating = dto.rows.filter((row) => row.cells.some(cellDeviates)).length;
  const empty = dto.totals.agents === 0 && dto.rows.length === 0;

  function rollBack(service: string, environment: string): void {
    const cell = dto.rows.find((row) => row.service === service)?.cells.find((candidate) => candidate.environment === environment);
    if (cell && cell.partitions.length > 0) return router.push(`/rollouts/groups/new?${new URLSearchParams({ kind: "rollback", service, environment })}`);
    openRollback({ service, environment, partition: cell?.assigned[0]?.partition ?? DEFAULT_PARTITION });
  }

  return (
    <>
      <Verdict
        parts={describeFleet(dto)}
        sub={
          <>
            {empty ? null : `${describeTotals(dto)} `}
            {describeCoverage(dto)} {empty ? null : describeObserving(dto)} As of <Age at={dto.asOf} suffix="ago" />.
          </>
        }
        actions={empty ? null : <ButtonLink href="/rollouts/groups/new?kind=as-of">Put an environment back to a moment…</ButtonLink>}
      />
      {dto.totals.agents > 0 && (dto.totals.silentAgents > 0 || !dto.coverage.complete) ? (
        <StateView kind="partial" title="This is not everything." body="What is silent or left out is unknown, not as assigned." />
      ) : null}
      {empty ? (
        <ConnectHost />
      ) : (
        <>
          <SectionHead
            title="Services × environments"
            note="worst first"
            end={
              <>
                <Chips label="Filter services">
                  <Chip pressed={!filter.deviating} count={dto.rows.length} onClick={() => void setFilter({ deviating: false })}>
                    All services
                  </Chip>
                  <Chip pressed={filter.deviating} count={deviating} onClick={() => void setFilter({ deviating: true })}>
                    Deviating
                  </Chip>
                </Chips>
                <SearchField id={SEARCH_ID} label="Find a service" value={filter.q} onChange={(q) => void setFilter({ q })} />
              </>
            }
          />
          {rows.length === 0 ? (
            <StateView
              kind="empty"
              clear={filter.deviating && filter.q === "" && deviating === 0}
              title={filter.q ? `No service matches “${filter.q}”.` : dto.rows.length === 0 ? "Agents report, and nothing belongs to a service yet." : "Nothing deviates."}
              actions={
                filter.q || filter.deviating ? (
                  <Button onClick={() => void setFilter(filter.q ? { q: "" } : { deviating: false })}>{filter.q ? "Clear the search" : "Show all services"}</Button>
                ) : null
              }
            />
          ) : (
            <Matrix environments={environments} rows={rows} onRollBack={rollBack} searchId={SEARCH_ID} />
          )}
          <Unjudged unmapped={dto.totals.unmapped} ignored={dto.totals.ignored} rules={dto.totals.ignoringRules} />
          <MapSection />
        </>
      )}
    </>
  );
}
