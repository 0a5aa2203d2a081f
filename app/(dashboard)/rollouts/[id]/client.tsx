"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { QueryState } from "@/app/(dashboard)/query-state";
import { describeRollout, describeStopHere, rolloutName, toEstimate, toEvents, toSteps, toStuckRows, toWaves } from "@/app/(dashboard)/rollouts/to-rollout";
import { EventList } from "@/components/rollouts/event-list";
import { IncidentSummary } from "@/components/rollouts/incident-summary";
import { RolloutHeader } from "@/components/rollouts/rollout-header";
import { RolloutSteps } from "@/components/rollouts/rollout-steps";
import { StuckTable } from "@/components/rollouts/stuck-table";
import { ThreeNumbers } from "@/components/rollouts/three-numbers";
import { WaveRail } from "@/components/rollouts/wave-rail";
import { Button } from "@/components/ui/button";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import type { Tone } from "@/components/ui/tone";
import { SectionHead } from "@/components/ui/verdict";
import type { RolloutDetail } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import type { TargetStatus } from "@/lib/domain/rollout/statuses";
import { postJson } from "@/lib/queries/api-client";
import { rolloutQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";

/** While it moves the page also asks by itself, so that a dead live stream cannot hide progress. */
const POLL_MS = 3_000;

export function RolloutPage({ id }: { id: string }) {
  const query = useQuery({ ...rolloutQuery(id), refetchInterval: ({ state }) => (state.data && isActiveRollout(state.data.status) ? POLL_MS : 30_000) });
  return (
    <QueryState query={query} title="Rollout">
      {(rollout) => <Rollout rollout={rollout} asOfMs={query.dataUpdatedAt} />}
    </QueryState>
  );
}

function Rollout({ rollout, asOfMs }: { rollout: RolloutDetail; asOfMs: number }) {
  const { counts } = rollout;
  return (
    <>
      <RolloutHeader
        crumb={
          <>
            <Link className="link" href={`/services/${encodeURIComponent(rollout.service)}?environment=${encodeURIComponent(rollout.environment)}`}>
              {rollout.service}
            </Link>{" "}
            / {rollout.environment}
            {rollout.partition === "default" ? null : ` / ${rollout.partition}`} / {rolloutName(rollout)}, {rollout.kind}
            {rollout.supersedes ? (
              <>
                , supersedes{" "}
                <Link className="link" href={`/rollouts/${rollout.supersedes.id}`}>
                  {rolloutName(rollout.supersedes)}
                </Link>
              </>
            ) : null}
          </>
        }
        sentence={describeRollout(rollout)}
        actions={isActiveRollout(rollout.status) ? <Acts rollout={rollout} /> : null}
      />
      <RolloutSteps steps={toSteps(rollout)} />
      <ThreeNumbers verified={counts.verified} inFlight={counts.inFlight} stuck={counts.stuck + counts.failed} waiting={counts.waiting} estimate={toEstimate(rollout, asOfMs)} />
      {rollout.waves.length > 0 ? <WaveRail waves={toWaves(rollout)} /> : <StateView kind="empty" title="No target takes part in it." body="Nothing of this service was reported here when it was planned; the first that comes starts with this release." />}
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
        <section aria-label="Events">
          <SectionHead title="Events" end="UTC" />
          <EventList label="Events" events={toEvents(rollout)} />
        </section>
      </div>
      <Targets rollout={rollout} />
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

function Acts({ rollout }: { rollout: RolloutDetail }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const [asking, setAsking] = useState<"pause" | "resume" | "abort" | null>(null);
  const scope = { service: rollout.service, environment: rollout.environment };
  const steer = async (act: string, body: Record<string, string>, key: string) => {
    await postJson(`rollouts/${rollout.id}/${act}`, body, key);
    await client.invalidateQueries({ queryKey: ["rollouts"] });
  };
  const paused = rollout.status === "paused";
  return (
    <>
      <Button disabledReason={refusal("rollouts.pause", scope)} onClick={() => setAsking(paused ? "resume" : "pause")}>
        {paused ? null : <StatusShape kind="paused" size={12} />}
        {paused ? "Resume" : "Pause"}
      </Button>
      <Button disabledReason={refusal("rollouts.abort", scope)} onClick={() => setAsking("abort")}>
        Stop here…
      </Button>
      {asking === "abort" ? (
        <ActDialog
          title={`Stop ${rolloutName(rollout)} here`}
          label="Stop here"
          reason="required"
          done="The rollout is stopped."
          onClose={() => setAsking(null)}
          onAct={(reason, key) => steer("abort", { reason }, key)}
        >
          <p>{describeStopHere(rollout)}</p>
          <p>To go back instead, roll {rollout.service} back: that supersedes this rollout.</p>
        </ActDialog>
      ) : null}
      {asking === "pause" || asking === "resume" ? (
        <ActDialog
          title={`${asking === "pause" ? "Pause" : "Resume"} ${rolloutName(rollout)}`}
          label={asking === "pause" ? "Pause" : "Resume"}
          reason="none"
          done={asking === "pause" ? "The rollout is paused." : "The rollout goes on."}
          onClose={() => setAsking(null)}
          onAct={(_reason, key) => steer(asking, {}, key)}
        >
          <p>{asking === "pause" ? "No target is offered anything new; replacements that have begun finish." : "Targets that wait are offered the release again."}</p>
        </ActDialog>
      ) : null}
    </>
  );
}
