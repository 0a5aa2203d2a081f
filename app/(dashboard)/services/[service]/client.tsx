"use client";

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useQueryStates } from "nuqs";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { Journal } from "@/app/(dashboard)/journal";
import { QueryState } from "@/app/(dashboard)/query-state";
import { useRollback } from "@/app/(dashboard)/rollback/use-rollback";
import { rolloutName } from "@/app/(dashboard)/rollouts/to-rollout";
import { useStart } from "@/app/(dashboard)/start/use-start";
import { conditionWord, plural } from "@/app/(dashboard)/words";
import { EnvironmentRows } from "@/components/services/environment-rows";
import { HistoryLane } from "@/components/services/history-lane";
import { InstancesTable } from "@/components/services/instances-table";
import { SelectionBar } from "@/components/services/selection-bar";
import { Button } from "@/components/ui/button";
import { Chip, Chips } from "@/components/ui/chip";
import { useNow } from "@/components/ui/clock";
import { formatCount } from "@/components/ui/format";
import { Menu } from "@/components/ui/menu";
import { MenuItem } from "@/components/ui/menu-item";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { ServiceDto } from "@/lib/contract/fleet";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";
import { postJson, putJson } from "@/lib/queries/api-client";
import { freezesQuery, instancesQuery, serviceQuery, strategiesQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { Runs } from "./runs";
import { serviceParams } from "./search-params";
import { chooseTargets, describePolicy, describeService, toEnvironmentRow, toHistoryLane, toInstanceRow } from "./to-service";
import type { Chosen, ServiceEnvironment } from "./to-service";

const PinDialog = dynamic(() => import("./pin").then((module) => module.PinDialog), { ssr: false });
const NamesDialog = dynamic(() => import("./names").then((module) => module.NamesDialog), { ssr: false });
const EditPartitions = dynamic(() => import("./edit-partitions").then((module) => module.EditPartitions), { ssr: false });

export function ServicePage({ name }: { name: string }) {
  const query = useQuery(serviceQuery(name));
  return (
    <QueryState query={query} title={name}>
      {(service) => <Service service={service} />}
    </QueryState>
  );
}

function Service({ service }: { service: ServiceDto }) {
  const [lifting, setLifting] = useState<ServiceEnvironment | null>(null);
  const [pinning, setPinning] = useState<ServiceEnvironment | null>(null);
  const [dividing, setDividing] = useState<string | null>(null);
  const [deciding, setDeciding] = useState<ServiceEnvironment | null>(null);
  const [naming, setNaming] = useState(false);
  const refusal = useRefusal();
  const { data: strategies } = useQuery(strategiesQuery());
  const { data: freezes } = useQuery(freezesQuery());
  const policy = { strategies: strategies?.items ?? [], freezes: freezes?.items ?? [] };
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
            {service.aliases.length > 0 ? `, also called ${service.aliases.join(", ")}` : null}
            {service.ownerTeam ? `, team ${service.ownerTeam}` : null}
            {service.adopted ? null : ", no release registered yet"}
          </>
        }
        parts={describeService(service)}
        actions={
          service.adopted ? (
            <Button size="small" disabledReason={refusal("services.rename", {})} onClick={() => setNaming(true)}>
              Names…
            </Button>
          ) : null
        }
      />
      {service.environments.length === 0 ? (
        <StateView kind="empty" title="Nothing to show yet." body="No instance of it was reported, and nothing is assigned. Promote a release to an environment." />
      ) : (
        <EnvironmentRows
          rows={service.environments.map((row) => ({
            ...toEnvironmentRow(service.name, row, perEnvironment.get(row.environment.name) ?? 1),
            ...describePolicy(service.name, row.environment.name, policy),
            actions: (
              <EnvironmentActs
                service={service.name}
                adopted={service.adopted}
                row={row}
                divided={(perEnvironment.get(row.environment.name) ?? 1) > 1}
                onLift={() => setLifting(row)}
                onAuthority={() => setDeciding(row)}
                onPin={() => setPinning(row)}
                onDivide={() => setDividing(row.environment.name)}
              />
            ),
          }))}
        />
      )}
      <Lanes service={service} />
      <Instances service={service} />
      <Runs service={service} />
      <PlaceJournal service={service} />
      {naming ? <NamesDialog service={service} onClose={() => setNaming(false)} /> : null}
      {pinning ? <PinDialog service={service.name} row={pinning} where={placeWords(service.name, pinning)} onClose={() => setPinning(null)} /> : null}
      {dividing !== null ? <EditPartitions service={service.name} environment={dividing} rows={service.environments.filter((row) => row.environment.name === dividing)} onClose={() => setDividing(null)} /> : null}
      {lifting ? <LiftHold service={service.name} row={lifting} onClose={() => setLifting(null)} /> : null}
      {deciding ? <ChangeAuthority service={service.name} row={deciding} onClose={() => setDeciding(null)} /> : null}
    </>
  );
}

/** A place in a sentence; the partition is named where it is not the default one. */
function placeWords(service: string, { environment, partition }: ServiceEnvironment): string {
  return `${service} in ${environment.name}${partition === "default" ? "" : `, ${partition}`}`;
}

type ActsProps = { service: string; adopted: boolean; row: ServiceEnvironment; divided: boolean; onLift: () => void; onAuthority: () => void; onPin: () => void; onDivide: () => void };

function EnvironmentActs({ service, adopted, row, divided, onLift, onAuthority, onPin, onDivide }: ActsProps) {
  const [, openRollback] = useRollback();
  const [, open] = useStart();
  const router = useRouter();
  const refusal = useRefusal();
  const environment = row.environment.name;
  const scope = { service, environment };
  const where = placeWords(service, row);
  const group = (kind: "rollback" | "promote") => router.push(`/rollouts/groups/new?${new URLSearchParams({ kind, service, environment })}`);
  const start = (kind: RolloutKind) => open({ kind, ...scope, partition: row.partition, version: null, targets: null });
  const busy = row.rollout ? `${rolloutName(row.rollout)} is under way here.` : null;
  const nothing = row.assigned ? null : "Nothing is assigned here.";
  return (
    <>
      {row.rollout ? (
        <Link className="link" href={`/rollouts/${row.rollout.id}`}>
          {rolloutName(row.rollout)}, {formatCount(row.rollout.verified)} of {formatCount(row.rollout.total)} verified
        </Link>
      ) : null}
      <Link className="link" href={`/p/${encodeURIComponent(service)}/${encodeURIComponent(environment)}${row.partition === "default" ? "" : `?partition=${encodeURIComponent(row.partition)}`}`} prefetch={false}>
        On-call page
      </Link>
      <Link className="link" aria-label={`Why ${where} looks as it does`} href={`/services/${encodeURIComponent(service)}/why?environment=${encodeURIComponent(environment)}`} prefetch={false}>
        Why?
      </Link>
      <span className="row-acts">
        {row.assigned ? (
          <Button size="small" aria-label={`Roll back ${where}`} disabledReason={refusal("rollouts.rollback", scope)} onClick={() => openRollback({ ...scope, partition: row.partition })}>
            Roll back…
          </Button>
        ) : null}
        {adopted ? (
          <Button size="small" aria-label={`Promote ${service} to ${environment}${row.partition === "default" ? "" : `, ${row.partition}`}`} disabledReason={refusal("rollouts.promote", scope)} onClick={() => start("promote")}>
            Promote…
          </Button>
        ) : null}
        <Menu label={`More for ${where}`} buttonClassName="btn btn-small" button={<>More <StatusShape kind="down" size={10} /></>}>
          <MenuItem label={`Reconverge ${where}`} disabledReason={refusal("rollouts.reconverge", scope) ?? nothing ?? busy} onChoose={() => start("reconverge")}>
            Reconverge what deviates…
          </MenuItem>
          <MenuItem label={`Replace ${where}`} disabledReason={refusal("rollouts.replace", scope) ?? nothing ?? busy} onChoose={() => start("replace")}>
            Replace all copies…
          </MenuItem>
          <hr />
          {divided ? (
            <>
              <MenuItem label={`Roll back all partitions of ${service} in ${environment}`} disabledReason={refusal("rollouts.rollback", scope)} onChoose={() => group("rollback")}>
                Roll back all partitions…
              </MenuItem>
              <MenuItem label={`Promote in all partitions of ${service} in ${environment}`} disabledReason={refusal("rollouts.promote", scope)} onChoose={() => group("promote")}>
                Promote in all partitions…
              </MenuItem>
            </>
          ) : null}
          {adopted ? (
            <>
              <MenuItem label={`${row.pin ? "Unpin" : "Pin"} ${where}`} disabledReason={refusal(row.pin ? "pins.end" : "pins.place", scope)} onChoose={onPin}>
                {row.pin ? "Unpin…" : "Pin to what is assigned…"}
              </MenuItem>
              <MenuItem label={`Partitions of ${service} in ${environment}`} disabledReason={refusal("partitions.write", scope)} onChoose={onDivide}>
                Partitions…
              </MenuItem>
              <hr />
            </>
          ) : null}
          {row.hold ? (
            <MenuItem label={`Lift the hold on ${where}`} disabledReason={refusal("holds.lift", scope)} onChoose={onLift}>
              Lift the hold…
            </MenuItem>
          ) : null}
          {adopted ? (
            <MenuItem label={`Who decides about ${where}`} disabledReason={refusal("authority.write", scope)} onChoose={onAuthority}>
              {row.authority === "external" ? "Let Plumbline decide here…" : "Let others decide here…"}
            </MenuItem>
          ) : null}
          <MenuItem label={`Stop ${where}`} disabledReason={refusal("rollouts.stop", scope) ?? nothing} onChoose={() => start("stop")}>
            Stop it here…
          </MenuItem>
        </Menu>
      </span>
    </>
  );
}

function LiftHold({ service, row, onClose }: { service: string; row: ServiceEnvironment; onClose: () => void }) {
  const client = useQueryClient();
  const place = { service, environment: row.environment.name, partition: row.partition };
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

/** Others deploy here and Plumbline follows, or what they deploy is drift again. */
function ChangeAuthority({ service, row, onClose }: { service: string; row: ServiceEnvironment; onClose: () => void }) {
  const client = useQueryClient();
  const place = { service, environment: row.environment.name, partition: row.partition };
  const authority = row.authority === "external" ? "plumbline" : "external";
  const where = `${service} in ${place.environment}${row.partition === "default" ? "" : ` / ${row.partition}`}`;
  return (
    <ActDialog
      title={authority === "external" ? `Let others decide about ${where}` : `Let Plumbline decide about ${where}`}
      label={authority === "external" ? "Let others decide" : "Let Plumbline decide"}
      reason="optional"
      done={authority === "external" ? "Others decide here now, and Plumbline follows." : "Plumbline decides here now."}
      onClose={onClose}
      onAct={async (reason) => {
        await putJson("authority", { ...place, authority, ...(reason ? { reason } : {}) });
        await client.invalidateQueries({ queryKey: ["fleet", "service"] });
      }}
    >
      <p>
        {authority === "external"
          ? "A registered and approved release that a deployer brings becomes a rollout that Plumbline follows, and what is assigned moves with it. One that is not approved, or recalled, stays a finding; so does a newer one while promotions are held or frozen."
          : "Whatever else than the assigned release runs here is drift from now on, whoever brought it. A rollout that is being followed is followed to its end."}
      </p>
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

/** What happened in the chosen environment, else in the last one. */
function PlaceJournal({ service }: { service: ServiceDto }) {
  const [{ environment }] = useQueryStates(serviceParams);
  const last = service.environments.toSorted((a, b) => b.environment.ordinal - a.environment.ordinal)[0]?.environment.name;
  const shown = service.environments.some((row) => row.environment.name === environment) ? environment : last;
  return shown ? <Journal filter={{ service: service.name, environment: shown }} note={`${shown}, the last 24 hours`} names /> : null;
}

function Instances({ service }: { service: ServiceDto }) {
  const [filter, setFilter] = useQueryStates(serviceParams);
  const query = useInfiniteQuery(instancesQuery({ service: service.name, environment: filter.environment, category: filter.category }));
  const environments = [...new Set(service.environments.map((row) => row.environment.name))];
  const chosen = service.environments.filter((row) => filter.environment === null || row.environment.name === filter.environment);
  const total = chosen.reduce((sum, row) => sum + row.instances, 0);
  const conditions = [...new Set(chosen.flatMap((row) => [...row.running.map((running) => running.worst), ...(row.silent > 0 ? (["silent"] as const) : [])]))];
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const selected = new Set(filter.selected);
  const select = (ids: Iterable<string>) => void setFilter({ selected: [...ids] });
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
          <InstancesTable
            label={`Instances of ${service.name}`}
            rows={rows.map(toInstanceRow)}
            selection={{
              selected,
              onToggle: (id, chosen) => select(chosen ? [...selected, id] : [...selected].filter((one) => one !== id)),
              onToggleAll: (chosen) => select(chosen ? new Set([...selected, ...rows.map((row) => row.target.id)]) : []),
            }}
          />
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
          {selected.size > 0 ? <Selected service={service.name} chosen={chooseTargets(rows, selected)} onClear={() => select([])} /> : null}
        </>
      )}
    </section>
  );
}

function Selected({ service, chosen, onClear }: { service: string; chosen: Chosen; onClear: () => void }) {
  const [, open] = useStart();
  const refusal = useRefusal();
  const { place, targets, instances } = chosen;
  const count = formatCount(targets.length);
  const act = (kind: "reconverge" | "replace", word: string) => (
    <Button
      disabledReason={chosen.refusal ?? (place ? refusal(kind === "replace" ? "rollouts.replace" : "rollouts.reconverge", { service, environment: place.environment }) : null)}
      onClick={() => place && open({ kind, service, ...place, version: null, targets })}
    >
      {word} {count}…
    </Button>
  );
  return (
    <SelectionBar words={`${count} ${plural(targets.length, "target")} selected${instances === targets.length ? "" : `, ${formatCount(instances)} ${plural(instances, "instance")} shown of ${plural(targets.length, "it", "them")}`}`} onClear={onClear}>
      {act("replace", "Replace")}
      {act("reconverge", "Reconverge")}
    </SelectionBar>
  );
}
