"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useQueryStates } from "nuqs";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { ConnectHost } from "@/app/(dashboard)/connect-host";
import { QueryState } from "@/app/(dashboard)/query-state";
import { useRollback } from "@/app/(dashboard)/rollback/use-rollback";
import { Unjudged } from "@/app/(dashboard)/unjudged";
import { conditionWord, plural } from "@/app/(dashboard)/words";
import { CauseGroup } from "@/components/drift/cause-group";
import { FindingsTable } from "@/components/drift/findings-table";
import { Age } from "@/components/ui/age";
import { Button, ButtonLink } from "@/components/ui/button";
import { Chip, Chips } from "@/components/ui/chip";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { FindingGroup, FindingsDto } from "@/lib/contract/fleet";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { postJson } from "@/lib/queries/api-client";
import { findingsQuery, matrixQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { NotAdopted } from "./not-adopted";
import { driftParams } from "./search-params";
import { countNotAdopted } from "./to-adoption";
import { adviceFor, describeDrift, describeWhere, isSelectable, offersReconverge, respondHref, targetsOf, toCause, toFindingRow, whyNotReconverge } from "./to-drift";
import { Waive, WaiveButton, Waived } from "./waive";

export function DriftPage() {
  const [filter] = useQueryStates(driftParams);
  const query = useQuery({ ...findingsQuery({ ...filter, state: "open" }), placeholderData: (previous) => previous });
  return (
    <QueryState query={query} title="Drift">
      {(dto) => <Drift dto={dto} />}
    </QueryState>
  );
}

function Drift({ dto }: { dto: FindingsDto }) {
  const [filter, setFilter] = useQueryStates(driftParams);
  const [acting, setActing] = useState<{ group: FindingGroup; targets: readonly string[] | null } | null>(null);
  const [waiving, setWaiving] = useState<FindingGroup | null>(null);
  const { data: matrix } = useQuery(matrixQuery());
  const chosen = (["kind", "environment", "service"] as const).filter((name) => filter[name] !== null);
  const silent = matrix?.totals.silent ?? 0;
  const notAdopted = countNotAdopted(matrix, filter);
  const offered = {
    service: [...new Set(dto.groups.flatMap((group) => (group.service ? [group.service] : [])))],
    environment: [...new Set(dto.groups.flatMap((group) => (group.environment ? [group.environment] : [])))],
    kind: [...new Set(dto.groups.map((group) => group.kind))],
  };
  return (
    <>
      <Verdict
        parts={describeDrift(dto)}
        sub={
          <>
            As of <Age at={dto.asOf} suffix="ago" />. {matrix ? `Coverage: ${formatCount(matrix.totals.agents - matrix.totals.silentAgents)} of ${formatCount(matrix.totals.agents)} ${plural(matrix.totals.agents, "agent")} heard${silent > 0 ? `, ${formatCount(silent)} instances silent` : ""}.` : null}
          </>
        }
      />
      <SectionHead
        title="By cause"
        note="worst first"
        end={
          <>
            {chosen.length > 0 ? (
              <Chips label="Filters in force">
                {chosen.map((name) => (
                  <Chip key={name} removable onClick={() => void setFilter({ [name]: null })}>
                    {name === "kind" && filter.kind ? conditionWord(filter.kind) : filter[name]}
                  </Chip>
                ))}
              </Chips>
            ) : null}
            <Chips label="Add a filter">
              {filter.environment === null && offered.environment.length > 1 ? offered.environment.map((name) => <Chip key={name} add onClick={() => void setFilter({ environment: name })}>{name}</Chip>) : null}
              {filter.service === null && offered.service.length > 1 ? offered.service.slice(0, 6).map((name) => <Chip key={name} add onClick={() => void setFilter({ service: name })}>{name}</Chip>) : null}
              {filter.kind === null && offered.kind.length > 1 ? offered.kind.map((kind) => <Chip key={kind} add onClick={() => void setFilter({ kind })}>{conditionWord(kind)}</Chip>) : null}
            </Chips>
          </>
        }
      />
      {dto.groups.length === 0 ? (
        chosen.length > 0 ? (
          <StateView kind="empty" title="No finding matches." actions={<Button onClick={() => void setFilter({ [chosen[0] ?? "kind"]: null })}>Clear the last filter</Button>} />
        ) : matrix && matrix.totals.agents === 0 ? (
          <ConnectHost />
        ) : (
          <StateView
            kind="empty"
            clear={silent === 0 && dto.waived.length === 0 && notAdopted.instances === 0}
            title={dto.waived.length > 0 ? `Nothing counts, ${formatCount(dto.checkedInstances)} checked.` : `All clear, ${formatCount(dto.checkedInstances)} checked.`}
            body={
              <>
                {dto.waived.length > 0 || notAdopted.instances > 0 ? "Everything else that reported runs what is assigned" : "Everything that reported runs what is assigned"}, as of <Age at={dto.asOf} suffix="ago" />.
                {silent > 0 ? ` ${formatCount(silent)} instances are silent: unknown, not clear.` : null}
              </>
            }
          />
        )
      ) : (
        dto.groups.map((group) => (
          <CauseGroup
            key={group.key}
            {...toCause(group)}
            sentence={
              <>
                {describeWhere(group)}. {group.sentence} {adviceFor(group)} Open <Age at={group.since} />, since <Timestamp at={group.since} />.
              </>
            }
            actions={<CauseActs group={group} onReconverge={() => setActing({ group, targets: targetsOf(group) })} onWaive={() => setWaiving(group)} />}
          >
            <Rows group={group} onReconverge={(targets) => setActing({ group, targets })} />
            {group.findings > group.rows.length && group.service ? (
              <p className="more">
                <Link className="link" href={`/services/${encodeURIComponent(group.service)}${group.environment ? `?environment=${encodeURIComponent(group.environment)}` : ""}`}>
                  All {formatCount(group.instances)} instances
                </Link>
              </p>
            ) : null}
          </CauseGroup>
        ))
      )}
      <NotAdopted matrix={matrix} environment={filter.environment} service={filter.service} />
      <Waived groups={dto.waived} />
      <Unjudged unmapped={dto.unmapped} ignored={dto.ignored.instances} rules={dto.ignored.rules} />
      {waiving ? <Waive group={waiving} onClose={() => setWaiving(null)} /> : null}
      {acting ? <Reconverge {...acting} onClose={() => setActing(null)} /> : null}
    </>
  );
}

/** The findings of a cause. Where there is a choice, single targets can be put back. */
function Rows({ group, onReconverge }: { group: FindingGroup; onReconverge: (targets: readonly string[]) => void }) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const refusal = useRefusal();
  const label = `Findings: ${group.title}`;
  const rows = group.rows.map(toFindingRow);
  if (!isSelectable(group) || group.service === null || group.environment === null) return <FindingsTable label={label} rows={rows} />;
  // What was put back meanwhile is not there any more, and not meant.
  const chosen = [...new Set(rows.flatMap((row) => (row.targetId && !row.whyNot && selected.has(row.targetId) ? [row.targetId] : [])))];
  function toggle(id: string, chosenNow: boolean) {
    const next = new Set(selected);
    if (chosenNow) next.add(id);
    else next.delete(id);
    setSelected(next);
  }
  return (
    <>
      <FindingsTable label={label} rows={rows} selection={{ selected, onToggle: toggle }} />
      <div className="more">
        <Button
          size="small"
          disabledReason={chosen.length === 0 ? "Select targets in the rows above." : (whyNotReconverge(group) ?? refusal("rollouts.reconverge", { service: group.service, environment: group.environment }))}
          onClick={() => onReconverge(chosen)}
        >
          Reconverge {chosen.length === 0 ? "selected" : `${formatCount(chosen.length)} selected`}
        </Button>
        {chosen.length > 0 ? (
          <Button size="small" look="quiet" onClick={() => setSelected(new Set())}>
            Clear the selection
          </Button>
        ) : null}
      </div>
    </>
  );
}

function CauseActs({ group, onReconverge, onWaive }: { group: FindingGroup; onReconverge: () => void; onWaive: () => void }) {
  const refusal = useRefusal();
  const [, openRollback] = useRollback();
  if (group.service === null || group.environment === null) return null;
  const scope = { service: group.service, environment: group.environment };
  const why = whyNotReconverge(group);
  const respond = respondHref(group);
  return (
    <>
      {respond ? <ButtonLink href={respond}>Respond…</ButtonLink> : null}
      {offersReconverge(group) ? (
        <Button disabledReason={why ?? refusal("rollouts.reconverge", scope)} onClick={onReconverge}>
          Reconverge {formatCount(group.instances)}
          {group.assigned ? ` to ${group.assigned.version}` : ""}
        </Button>
      ) : (
        <ButtonLink href={`/services/${encodeURIComponent(scope.service)}?environment=${encodeURIComponent(scope.environment)}`}>Open {scope.service}</ButtonLink>
      )}
      {group.assigned ? (
        <Button disabledReason={refusal("rollouts.rollback", scope)} onClick={() => openRollback({ ...scope, partition: group.partition ?? DEFAULT_PARTITION })}>
          Roll back…
        </Button>
      ) : (
        <ButtonLink href={`/services/${encodeURIComponent(group.service)}?environment=${encodeURIComponent(group.environment)}`}>Open {group.service}</ButtonLink>
      )}
      <ButtonLink aria-label={`Why: ${group.title}`} look="quiet" href={`/services/${encodeURIComponent(scope.service)}/why?environment=${encodeURIComponent(scope.environment)}`} prefetch={false}>
        Why?
      </ButtonLink>
      <WaiveButton group={group} onClick={onWaive} />
    </>
  );
}

function Reconverge({ group, targets, onClose }: { group: FindingGroup; targets: readonly string[] | null; onClose: () => void }) {
  const router = useRouter();
  const to = group.assigned?.version ?? "what is assigned";
  return (
    <ActDialog
      title={`Put ${group.service ?? ""} in ${group.environment ?? ""} back on ${to}`}
      label={`Reconverge ${formatCount(targets?.length ?? group.instances)}`}
      reason="required"
      done="Reconverging has begun."
      onClose={onClose}
      onAct={async (reason, key) => {
        const rollout = await postJson<RolloutDto>(
          "reconverge",
          { service: group.service, environment: group.environment, partition: group.partition ?? DEFAULT_PARTITION, reason, ...(targets ? { targets } : {}) },
          key,
        );
        router.push(`/rollouts/${rollout.id}`);
      }}
    >
      <p>
        {group.title}. {targets ? `${formatCount(targets.length)} ${plural(targets.length, "target is", "targets are")} replaced by the digest of ${to}.` : `Every target here that does not run ${to} is replaced by its digest.`}
      </p>
      <p>Volumes, environment, ports and networks stay as they are. It is done when the running digests say so.</p>
    </ActDialog>
  );
}
