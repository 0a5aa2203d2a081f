"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useQueryStates } from "nuqs";
import { QueryState } from "@/app/(dashboard)/query-state";
import { markOf, plural } from "@/app/(dashboard)/words";
import { Button, ButtonLink } from "@/components/ui/button";
import { Chip, Chips } from "@/components/ui/chip";
import { formatCount } from "@/components/ui/format";
import { ReleaseLine } from "@/components/ui/release-line";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { Page } from "@/lib/contract/primitives";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import { rolloutsQuery } from "@/lib/queries/queries";
import { rolloutsParams } from "./search-params";
import { describeStatus, rolloutName } from "./to-rollout";

export function RolloutsPage() {
  const [filter] = useQueryStates(rolloutsParams);
  const query = useQuery({ ...rolloutsQuery(filter), placeholderData: (previous) => previous });
  return (
    <QueryState query={query} title="Rollouts">
      {(page) => <Rollouts page={page} />}
    </QueryState>
  );
}

function Rollouts({ page }: { page: Page<RolloutDto> }) {
  const [filter, setFilter] = useQueryStates(rolloutsParams);
  const active = page.items.filter((rollout) => isActiveRollout(rollout.status));
  const stuck = active.reduce((sum, rollout) => sum + rollout.counts.stuck + rollout.counts.failed, 0);
  const filtered = filter.status !== null || filter.service !== null;
  return (
    <>
      <Verdict
        parts={
          active.length > 0
            ? [{ shape: stuck > 0 ? "stuck" : "rolling" }, { strong: `${formatCount(active.length)} ${plural(active.length, "rollout")}` }, ` under way${stuck > 0 ? `, ${formatCount(stuck)} ${plural(stuck, "target")} stuck` : ""}.`]
            : ["No rollout is under way."]
        }
        actions={<ButtonLink href="/rollouts/groups/new?kind=as-of">Put an environment back to a moment…</ButtonLink>}
      />
      <SectionHead
        title="Rollouts"
        note="newest first"
        end={
          <Chips label="Filter rollouts">
            <Chip pressed={filter.status === null} onClick={() => void setFilter({ status: null })}>
              All
            </Chip>
            <Chip pressed={filter.status === "active"} onClick={() => void setFilter({ status: "active" })}>
              Under way
            </Chip>
            <Chip pressed={filter.status === "finished"} onClick={() => void setFilter({ status: "finished" })}>
              Finished
            </Chip>
            {filter.service ? (
              <Chip removable onClick={() => void setFilter({ service: null })}>
                {filter.service}
              </Chip>
            ) : null}
          </Chips>
        }
      />
      {page.items.length === 0 ? (
        <StateView
          kind="empty"
          title={filtered ? "No rollout matches." : "Nothing was rolled out yet."}
          body={filtered ? null : "A promotion, a rollback, a replacement or a stop appears here from its first second."}
          actions={filtered ? <Button onClick={() => void setFilter(filter.service ? { service: null } : { status: null })}>Clear the last filter</Button> : null}
        />
      ) : (
        <Table label="Rollouts" stack>
          <thead>
            <tr>
              <th scope="col">Rollout</th>
              <th scope="col">Service</th>
              <th scope="col">Environment</th>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col">State</th>
              <th scope="col" className="num">
                Verified
              </th>
              <th scope="col" className="num">
                Started, UTC
              </th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {page.items.map((rollout) => {
              const status = describeStatus(rollout);
              return (
                <tr key={rollout.id}>
                  <HangingCell tone={isActiveRollout(rollout.status) ? status.tone : undefined}>
                    <Link className="row-link" href={`/rollouts/${rollout.id}`}>
                      <b>{rolloutName(rollout)}</b>
                    </Link>{" "}
                    <span className="muted">{rollout.kind}</span>
                  </HangingCell>
                  <td data-phone="end">{rollout.service}</td>
                  <td>
                    {rollout.environment}
                    {rollout.partition === "default" ? null : ` / ${rollout.partition}`}
                  </td>
                  <td data-phone="hide">{rollout.from ? <ReleaseLine version={rollout.from.version} digest={rollout.from.digest} mark={markOf(rollout.from)} /> : <span className="muted">nothing</span>}</td>
                  <td data-phone="end">{rollout.to ? <ReleaseLine version={rollout.to.version} digest={rollout.to.digest} mark={markOf(rollout.to)} /> : <span className="muted">nothing</span>}</td>
                  <td className="wraps">
                    <StatusShape kind={status.shape} tone={status.tone} size={12} /> {status.word}
                    {rollout.waitingFor && isActiveRollout(rollout.status) ? <span className="muted block">{rollout.waitingFor}</span> : null}
                  </td>
                  <td className="num" data-phone="end">
                    {formatCount(rollout.counts.verified)} of {formatCount(rollout.counts.total)}
                  </td>
                  <td className="num">
                    <Timestamp at={rollout.acceptedAt} zone={false} />
                  </td>
                  <td data-phone="hide">{rollout.external ? `${rollout.external.by ?? "another tool"}, followed` : rollout.startedBy}</td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      )}
      {page.nextCursor ? <p className="more muted">Older ones are not shown; filter by service to see them.</p> : null}
    </>
  );
}
