"use client";

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useQueryStates } from "nuqs";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { QueryState } from "@/app/(dashboard)/query-state";
import { useRollback } from "@/app/(dashboard)/rollback/use-rollback";
import { rolloutName } from "@/app/(dashboard)/rollouts/to-rollout";
import { conditionWord } from "@/app/(dashboard)/words";
import { EnvironmentRows } from "@/components/services/environment-rows";
import { HistoryLane } from "@/components/services/history-lane";
import { InstancesTable } from "@/components/services/instances-table";
import { Button } from "@/components/ui/button";
import { Chip, Chips } from "@/components/ui/chip";
import { useNow } from "@/components/ui/clock";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { deviates, toneOfSeverity } from "@/components/ui/tone";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { ServiceDto } from "@/lib/contract/fleet";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { postJson } from "@/lib/queries/api-client";
import { instancesQuery, serviceQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { serviceParams } from "./search-params";
import { describeService, toEnvironmentRow, toHistoryLane, toInstanceRow, toneOfEnvironment } from "./to-service";
import type { ServiceEnvironment } from "./to-service";

export function ServicePage({ name }: { name: string }) {
  const query = useQuery(serviceQuery(name));
  return (
    <QueryState query={query} title={name}>
      {(service) => <Service service={service} />}
    </QueryState>
  );
}

type Act = { kind: "reconverge" | "unhold"; row: ServiceEnvironment };

function Service({ service }: { service: ServiceDto }) {
  const [act, setAct] = useState<Act | null>(null);
  const perEnvironment = new Map<string, number>();
  for (const row of service.environments) perEnvironment.set(row.environment.name, (perEnvironment.get(row.environment.name) ?? 0) + 1);
  return (
    <>
      <Verdict
        crumb={
          <>
            <Link className="link" href="/services">
              Services
            </Link>{" "}
            / {service.name}
            {service.ownerTeam ? `, team ${service.ownerTeam}` : null}
            {service.adopted ? null : ", no release registered yet"}
          </>
        }
        parts={describeService(service)}
      />
      {service.environments.length === 0 ? (
        <StateView kind="empty" title="Nothing to show yet." body="No instance of it was reported, and nothing is assigned. Promote a release to an environment." />
      ) : (
        <EnvironmentRows
          rows={service.environments.map((row) => ({
            ...toEnvironmentRow(service.name, row, perEnvironment.get(row.environment.name) ?? 1),
            actions: <EnvironmentActs service={service.name} row={row} onAct={(kind) => setAct({ kind, row })} />,
          }))}
        />
      )}
      <Lanes service={service} />
      <Instances service={service} />
      {act ? <ServiceAct service={service.name} act={act} onClose={() => setAct(null)} /> : null}
    </>
  );
}

function EnvironmentActs({ service, row, onAct }: { service: string; row: ServiceEnvironment; onAct: (kind: Act["kind"]) => void }) {
  const [, openRollback] = useRollback();
  const refusal = useRefusal();
  const environment = row.environment.name;
  const scope = { service, environment };
  const tone = toneOfEnvironment(row);
  const drifted = row.running.some((running) => {
    const severity = toneOfSeverity(running.severity);
    return deviates(severity) && severity !== "rolling";
  });
  return (
    <>
      {row.rollout ? (
        <Link className="link" href={`/rollouts/${row.rollout.id}`}>
          {rolloutName(row.rollout)}, {formatCount(row.rollout.verified)} of {formatCount(row.rollout.total)} verified
        </Link>
      ) : null}
      <span className="row-acts">
        {row.assigned ? (
          <Button size="small" aria-label={`Roll back ${service} in ${environment}`} disabledReason={refusal("rollouts.rollback", scope)} onClick={() => openRollback({ ...scope, partition: row.partition })}>
            Roll back…
          </Button>
        ) : null}
        {row.assigned && drifted && tone !== "rolling" ? (
          <Button size="small" aria-label={`Reconverge ${service} in ${environment}`} disabledReason={refusal("rollouts.reconverge", scope)} onClick={() => onAct("reconverge")}>
            Reconverge…
          </Button>
        ) : null}
        {row.hold ? (
          <Button size="small" aria-label={`Lift the hold on ${service} in ${environment}`} disabledReason={refusal("holds.lift", scope)} onClick={() => onAct("unhold")}>
            Lift hold…
          </Button>
        ) : null}
      </span>
    </>
  );
}

function ServiceAct({ service, act: { kind, row }, onClose }: { service: string; act: Act; onClose: () => void }) {
  const client = useQueryClient();
  const router = useRouter();
  const place = { service, environment: row.environment.name, partition: row.partition };
  if (kind === "unhold") {
    return (
      <ActDialog
        title={`Lift the hold on ${service} in ${place.environment}`}
        label="Lift the hold"
        reason="required"
        done="The hold is lifted."
        onClose={onClose}
        onAct={async (reason, key) => {
          await postJson("holds/lift", { ...place, reason }, key);
          await client.invalidateQueries({ queryKey: ["fleet", "service"] });
        }}
      >
        <p>
          Promotions are open again here afterwards{row.hold?.version ? `, also of ${row.hold.version}` : ""}. Nothing that runs changes by this.
        </p>
      </ActDialog>
    );
  }
  return (
    <ActDialog
      title={`Put ${service} in ${place.environment} back on ${row.assigned?.version ?? "its release"}`}
      label="Reconverge"
      reason="required"
      done="Reconverging has begun."
      onClose={onClose}
      onAct={async (reason, key) => {
        const rollout = await postJson<RolloutDto>("reconverge", { ...place, reason }, key);
        router.push(`/rollouts/${rollout.id}`);
      }}
    >
      <p>Every target here that does not run {row.assigned?.version ?? "what is assigned"} is replaced by its digest. What already runs it is left alone.</p>
    </ActDialog>
  );
}

function Lanes({ service }: { service: ServiceDto }) {
  // A lane need not move every second; a minute is far below its resolution.
  const now = Math.floor(useNow() / 60_000) * 60_000;
  const [{ environment }] = useQueryStates(serviceParams);
  const rows = service.environments.filter((row) => row.environment.name === environment);
  const shown = (rows.length > 0 ? rows : service.environments).toSorted((a, b) => b.environment.ordinal - a.environment.ordinal).slice(0, rows.length > 0 ? rows.length : 1);
  return shown.map((row) => {
    const lane = toHistoryLane(service, row.environment.name, row.partition, now);
    return lane ? <HistoryLane key={`${row.environment.name}/${row.partition}`} environment={row.environment.name} {...lane} /> : null;
  });
}

function Instances({ service }: { service: ServiceDto }) {
  const [filter, setFilter] = useQueryStates(serviceParams);
  const query = useInfiniteQuery(instancesQuery({ service: service.name, environment: filter.environment, category: filter.category }));
  const environments = [...new Set(service.environments.map((row) => row.environment.name))];
  const chosen = service.environments.filter((row) => filter.environment === null || row.environment.name === filter.environment);
  const total = chosen.reduce((sum, row) => sum + row.instances, 0);
  const conditions = [...new Set(chosen.flatMap((row) => [...row.running.map((running) => running.worst), ...(row.silent > 0 ? (["silent"] as const) : [])]))];
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = filter.environment !== null || filter.category !== null;
  return (
    <section className="section" aria-labelledby="instances">
      <SectionHead
        id="instances"
        title="Instances"
        note={`${formatCount(total)}${filter.environment ? ` in ${filter.environment}` : ""}, worst first`}
        end={
          <>
            <Chips label="Environment">
              {environments.map((name) => (
                <Chip key={name} pressed={filter.environment === name} onClick={() => void setFilter({ environment: filter.environment === name ? null : name })}>
                  {name}
                </Chip>
              ))}
            </Chips>
            {conditions.length > 1 || filter.category ? (
              <Chips label="State">
                {[...new Set([...conditions, ...(filter.category ? [filter.category] : [])])].map((condition) => (
                  <Chip key={condition} pressed={filter.category === condition} onClick={() => void setFilter({ category: filter.category === condition ? null : condition })}>
                    {conditionWord(condition)}
                  </Chip>
                ))}
              </Chips>
            ) : null}
          </>
        }
      />
      {query.error && !query.data ? (
        <StateView kind="error" title="The instances could not be loaded" cause={query.error.message} onRetry={() => void query.refetch()} />
      ) : query.isPending ? (
        <StateView kind="loading" label="Loading instances" columns={6} />
      ) : rows.length === 0 ? (
        <StateView
          kind="empty"
          title={filtered ? "No instance matches." : "No instance was reported."}
          actions={filtered ? <Button onClick={() => void setFilter(filter.category ? { category: null } : { environment: null })}>Clear the last filter</Button> : null}
        />
      ) : (
        <>
          <InstancesTable label={`Instances of ${service.name}`} rows={rows.map(toInstanceRow)} />
          <div className="more">
            {query.hasNextPage ? (
              <Button onClick={() => void query.fetchNextPage()} aria-busy={query.isFetchingNextPage}>
                {query.isFetchingNextPage ? "Loading…" : "Show more"}
              </Button>
            ) : null}
            <span className="muted">
              {formatCount(rows.length)} shown{query.hasNextPage ? "" : ", all that match"}
            </span>
          </div>
        </>
      )}
    </section>
  );
}
