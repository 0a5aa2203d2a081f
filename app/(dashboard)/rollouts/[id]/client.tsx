"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { QueryState } from "@/app/(dashboard)/query-state";
import { describeRollout, findGoAhead, mayBeCleared, rolloutName, toEstimate, toEvents, toFacts, toGateRows, toSteps, toStuckRows, toWaves } from "@/app/(dashboard)/rollouts/to-rollout";
import { EventList } from "@/components/rollouts/event-list";
import { Facts } from "@/components/rollouts/facts";
import { IncidentSummary } from "@/components/rollouts/incident-summary";
import { leftWords } from "@/components/rollouts/left-words";
import { RolloutHeader } from "@/components/rollouts/rollout-header";
import { RolloutSteps } from "@/components/rollouts/rollout-steps";
import { StuckTable } from "@/components/rollouts/stuck-table";
import { ThreeNumbers } from "@/components/rollouts/three-numbers";
import { WaveGates } from "@/components/rollouts/wave-gates";
import { WaveRail } from "@/components/rollouts/wave-rail";
import { useNow } from "@/components/ui/clock";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import { SectionHead } from "@/components/ui/verdict";
import type { RolloutDetail } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import type { TargetStatus } from "@/lib/domain/rollout/statuses";
import { rolloutQuery } from "@/lib/queries/queries";
import { Acts, ClearMistake, GoAhead } from "./acts";
import { Deliveries } from "./deliveries";

/** While it moves the page also asks by itself, so that a dead live stream cannot hide progress. */
const POLL_MS = 3_000;

export function RolloutPage({ id }: { id: string }) {
  const query = useQuery({ ...rolloutQuery(id), refetchInterval: ({ state }) => (state.data && isActiveRollout(state.data.status) ? POLL_MS : 30_000) });
  return (
    <QueryState query={query} title="Rollout">
      {(rollout) => <Rollout rollout={rollout} />}
    </QueryState>
  );
}

function Rollout({ rollout }: { rollout: RolloutDetail }) {
  const { counts } = rollout;
  const active = isActiveRollout(rollout.status);
  const goAhead = active ? findGoAhead(rollout) : null;
  // A sentence that changed every second would only flicker.
  const now = Math.floor(useNow() / 10_000) * 10_000;
  const gates = toGateRows(rollout);
  return (
    <>
      <RolloutHeader crumb={<Crumb rollout={rollout} />} sentence={describeRollout(rollout, now)} sub={describeWhy(rollout)} actions={active ? <Acts rollout={rollout} /> : null} />
      {goAhead ? <GoAhead rollout={rollout} wave={goAhead} /> : null}
      <RolloutSteps steps={toSteps(rollout)} />
      <ThreeNumbers
        verified={counts.verified}
        inFlight={counts.inFlight}
        stuck={counts.stuck + counts.failed}
        failed={counts.failed}
        waiting={counts.waiting}
        left={leftWords(counts)}
        estimate={toEstimate(rollout, now)}
      />
      {rollout.waves.length > 0 ? <WaveRail waves={toWaves(rollout)} /> : <StateView kind="empty" title="No target takes part in it." body="Nothing of this service was reported here when it was planned; the first that comes is expected to run this release." />}
      {gates.length > 1 || gates.some((row) => row.gate !== "" || row.lines.length > 0 || row.reason !== null) ? (
        <section className="section" aria-labelledby="gates">
          <SectionHead id="gates" title="Waves and their gates" end="UTC" />
          <WaveGates rows={gates} />
        </section>
      ) : null}
      <div className="two-columns">
        <div>
          {rollout.stuck.length > 0 ? (
            <section aria-label="Stuck, by reason">
              <SectionHead title="Stuck, by reason" note={`${formatCount(counts.stuck + counts.failed)} of ${formatCount(counts.total)}`} />
              <StuckTable rows={toStuckRows(rollout)} />
            </section>
          ) : null}
          {rollout.reason ? (
            <section>
              <SectionHead title="Why" note={rollout.startedBy} />
              <p className="section-gap wrap-anywhere">{rollout.reason}</p>
            </section>
          ) : null}
          <IncidentSummary text={rollout.summary} incident={rollout.incident} />
        </div>
        <div>
          <section aria-label="Events">
            <SectionHead title="Events" end="UTC" />
            <EventList label="Events" events={toEvents(rollout)} />
          </section>
          <section className="section">
            <SectionHead title="How it is carried out" />
            <Facts label="How it is carried out" facts={toFacts(rollout, now)} />
            {mayBeCleared(rollout) ? <ClearMistake rollout={rollout} /> : null}
          </section>
          <Deliveries rollout={rollout} />
        </div>
      </div>
      <Targets rollout={rollout} />
    </>
  );
}

/** Why it stands where it stands, when that is not as it should be. */
function describeWhy(rollout: RolloutDetail): string | null {
  return rollout.status === "paused" || rollout.status === "failed" || rollout.status === "aborted" ? rollout.statusReason : null;
}

function Crumb({ rollout }: { rollout: RolloutDetail }) {
  const other = (words: string, one: { id: string; number: number } | null) =>
    one ? (
      <>
        , {words}{" "}
        <Link className="link" href={`/rollouts/${one.id}`}>
          {rolloutName(one)}
        </Link>
      </>
    ) : null;
  return (
    <>
      <Link className="link" href={`/services/${encodeURIComponent(rollout.service)}?environment=${encodeURIComponent(rollout.environment)}`}>
        {rollout.service}
      </Link>{" "}
      / {rollout.environment}
      {rollout.partition === "default" ? null : ` / ${rollout.partition}`} / {rolloutName(rollout)}, {rollout.kind}
      {other("supersedes", rollout.supersedes)}
      {other("undoes", rollout.reverts)}
      {other("undone by", rollout.revertedBy)}
    </>
  );
}

const TARGET_TONE: Record<TargetStatus, Tone> = {
  pending: "neutral",
  offered: "rolling",
  acknowledged: "rolling",
  replacing: "rolling",
  verified: "match",
  failed: "stuck",
  stuck: "stuck",
  gone: "neutral",
  withdrawn: "neutral",
  regressed: "drift",
  contested: "drift",
};

function Targets({ rollout }: { rollout: RolloutDetail }) {
  if (rollout.targets.length === 0) return null;
  return (
    <section className="section" aria-labelledby="targets">
      <SectionHead id="targets" title="Targets" note={`${formatCount(rollout.targets.length)} of ${formatCount(rollout.counts.total)}, worst first`} />
      <Table label="Targets" dense stack>
        <thead>
          <tr>
            <th scope="col">Target</th>
            <th scope="col">State</th>
            <th scope="col">Where</th>
            <th scope="col">Says</th>
          </tr>
        </thead>
        <tbody>
          {rollout.targets.map((target, index) => {
            const tone = TARGET_TONE[target.status];
            return (
              <tr key={target.id}>
                <HangingCell tone={tone} shape={rollout.targets[index - 1]?.status !== target.status} className="mono" data-phone="wide">
                  {target.key}
                </HangingCell>
                <td>
                  <StatusShape kind={tone} size={12} /> {target.status}
                  {target.step && target.step !== target.status ? <span className="muted">, {target.step}</span> : null}
                </td>
                <td data-phone="end">{[target.region, target.agent].filter(Boolean).join(", ")}</td>
                <td className="wraps muted" data-phone={target.message || target.reason ? "wide" : "hide"}>
                  {target.message ?? target.reason}
                </td>
              </tr>
            );
          })}
        </tbody>
      </Table>
    </section>
  );
}
