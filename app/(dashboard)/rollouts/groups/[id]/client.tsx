"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { QueryState } from "@/app/(dashboard)/query-state";
import { describeGroup, groupCrumb, keyOfPlace, placeWords } from "@/app/(dashboard)/rollouts/groups/to-group";
import { describeStatus, rolloutName } from "@/app/(dashboard)/rollouts/to-rollout";
import { markOf, plural } from "@/app/(dashboard)/words";
import { IncidentSummary } from "@/components/rollouts/incident-summary";
import { formatCount } from "@/components/ui/format";
import { ProportionBar } from "@/components/ui/proportion-bar";
import { ReleaseLine } from "@/components/ui/release-line";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { GroupDto, RolloutDto } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import { groupQuery } from "@/lib/queries/queries";

/** While it moves the page also asks by itself, so that a dead live stream cannot hide progress. */
const POLL_MS = 3_000;

export function GroupReceipt({ id }: { id: string }) {
  const query = useQuery({ ...groupQuery(id), refetchInterval: ({ state }) => (state.data?.rollouts.some((rollout) => isActiveRollout(rollout.status)) ? POLL_MS : 30_000) });
  return (
    <QueryState query={query} title="Several services at once">
      {(group) => <Receipt group={group} />}
    </QueryState>
  );
}

function Receipt({ group }: { group: GroupDto }) {
  return (
    <>
      <Verdict
        crumb={
          <>
            <Link className="link" href="/rollouts">
              Rollouts
            </Link>{" "}
            / {groupCrumb(group)}
            {group.incident ? `, ${group.incident}` : ""}
          </>
        }
        parts={describeGroup(group)}
        sub={
          <>
            Confirmed once by {group.startedBy}, <Timestamp at={group.createdAt} />. {formatCount(group.rollouts.length)} {plural(group.rollouts.length, "rollout")}
            {group.skipped.length > 0 ? `, ${formatCount(group.skipped.length)} not in it` : ""}.
          </>
        }
      />
      <Progress counts={group.counts} />
      <SectionHead title="Rollouts" note="each is its own, and can be paused or aborted by itself" />
      <Table label="Rollouts" stack>
        <thead>
          <tr>
            <th scope="col">Rollout</th>
            <th scope="col">Place</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">State</th>
            <th scope="col">Progress</th>
            <th scope="col" className="num">
              Verified
            </th>
          </tr>
        </thead>
        <tbody>
          {group.rollouts.map((rollout) => (
            <Row key={rollout.id} rollout={rollout} />
          ))}
        </tbody>
      </Table>
      {group.skipped.length > 0 ? (
        <section className="section" aria-labelledby="skipped">
          <SectionHead id="skipped" title="Not in it" note={formatCount(group.skipped.length)} />
          <ul className="group-skipped">
            {group.skipped.map((place) => (
              <li key={keyOfPlace(place)}>
                <StatusShape kind="lock" size={12} tone="neutral" />
                <span>
                  <b>{placeWords(place)}</b> <span className="muted">{place.sentences.join(" ")}</span>
                </span>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <IncidentSummary text={group.summary} incident={group.incident} />
    </>
  );
}

function Progress({ counts }: { counts: GroupDto["counts"] }) {
  return (
    <div className="group-progress">
      <ProportionBar
        parts={[
          { tone: "stuck", count: counts.stuck + counts.failed, label: "stuck" },
          { tone: "rolling", count: counts.inFlight, label: "in flight" },
          { tone: "match", count: counts.verified, label: "verified" },
          { tone: "neutral", count: counts.waiting, label: "waiting" },
        ]}
      />
      <p className="muted">
        {formatCount(counts.verified)} verified, {formatCount(counts.inFlight)} in flight, {formatCount(counts.stuck + counts.failed)} stuck, {formatCount(counts.waiting)} waiting
      </p>
    </div>
  );
}

function Row({ rollout }: { rollout: RolloutDto }) {
  const status = describeStatus(rollout);
  const { counts } = rollout;
  return (
    <tr>
      <HangingCell tone={isActiveRollout(rollout.status) || status.tone === "alert" ? status.tone : undefined}>
        <Link className="row-link" href={`/rollouts/${rollout.id}`}>
          <b>{rolloutName(rollout)}</b>
        </Link>{" "}
        <span className="muted">{rollout.kind}</span>
      </HangingCell>
      <td data-phone="end">{placeWords(rollout)}</td>
      <td data-phone="hide">{rollout.from ? <ReleaseLine version={rollout.from.version} digest={rollout.from.digest} mark={markOf(rollout.from)} /> : <span className="muted">nothing</span>}</td>
      <td>{rollout.to ? <ReleaseLine version={rollout.to.version} digest={rollout.to.digest} mark={markOf(rollout.to)} /> : <span className="muted">nothing</span>}</td>
      <td data-phone="end">
        <StatusShape kind={status.shape} tone={status.tone} size={12} /> {status.word}
      </td>
      <td className="group-bar" data-phone="wide">
        <ProportionBar
          decorative
          parts={[
            { tone: "stuck", count: counts.stuck + counts.failed, label: "stuck" },
            { tone: "rolling", count: counts.inFlight, label: "in flight" },
            { tone: "match", count: counts.verified, label: "verified" },
            { tone: "neutral", count: counts.waiting, label: "waiting" },
          ]}
        />
      </td>
      <td className="num" data-phone="wide">
        {formatCount(counts.verified)} of {formatCount(counts.total)}
      </td>
    </tr>
  );
}
