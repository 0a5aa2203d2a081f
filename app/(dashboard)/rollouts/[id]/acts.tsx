"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useRef, useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { describeStopAndRollBack, describeStopHere, findFailedWave, refuseSteering, rolloutName } from "@/app/(dashboard)/rollouts/to-rollout";
import { useRollback } from "@/app/(dashboard)/rollback/use-rollback";
import { plural } from "@/app/(dashboard)/words";
import { joinGate } from "@/components/rollouts/prepare-start";
import { Button } from "@/components/ui/button";
import { Choice } from "@/components/ui/choice";
import { formatCount } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import { RowMark } from "@/components/ui/table";
import type { RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { postJson } from "@/lib/queries/api-client";
import { useRefusal } from "@/lib/queries/use-session";

/** Sends one act on a rollout, and has everything about rollouts read again. */
function useSteer(rollout: RolloutDto): (act: string, body: Record<string, unknown>, key: string) => Promise<RolloutDto> {
  const client = useQueryClient();
  // A retry under the same key is the same request, whatever the page has learned since.
  const sent = useRef(new Map<string, number>());
  return async (act, body, key) => {
    const revision = sent.current.get(key) ?? rollout.revision;
    sent.current.set(key, revision);
    const answer = await postJson<RolloutDto>(`rollouts/${rollout.id}/${act}`, { ...body, revision }, key);
    await client.invalidateQueries({ queryKey: ["rollouts"] });
    return answer;
  };
}

const said = (reason: string): { reason?: string } => (reason ? { reason } : {});

/** Pause or resume, and abort: in sight as long as it moves. */
export function Acts({ rollout }: { rollout: RolloutDetail }) {
  const refusal = useRefusal();
  const [, openRollback] = useRollback();
  const [asking, setAsking] = useState<"pause" | "resume" | "abort" | null>(null);
  const scope = { service: rollout.service, environment: rollout.environment };
  const paused = rollout.status === "paused";
  const close = () => setAsking(null);
  const elsewhere = refuseSteering(rollout);
  if (elsewhere) {
    return (
      <>
        <Button disabledReason={elsewhere}>Pause</Button>
        <Button disabledReason={refusal("rollouts.rollback", scope)} onClick={() => openRollback({ ...scope, partition: rollout.partition })}>
          Roll back…
        </Button>
      </>
    );
  }
  return (
    <>
      <Button disabledReason={refusal("rollouts.pause", scope)} onClick={() => setAsking(paused ? "resume" : "pause")}>
        {paused ? null : <StatusShape kind="paused" size={12} />}
        {paused ? "Resume…" : "Pause"}
      </Button>
      <Button disabledReason={refusal("rollouts.abort", scope)} onClick={() => setAsking("abort")}>
        Abort…
      </Button>
      {asking === "pause" ? <Pause rollout={rollout} onClose={close} /> : null}
      {asking === "resume" ? <Resume rollout={rollout} onClose={close} /> : null}
      {asking === "abort" ? <Abort rollout={rollout} onClose={close} /> : null}
    </>
  );
}

function Pause({ rollout, onClose }: { rollout: RolloutDetail; onClose: () => void }) {
  const steer = useSteer(rollout);
  const { inFlight } = rollout.counts;
  return (
    <ActDialog
      title={`Pause ${rolloutName(rollout)}`}
      label="Pause"
      reason="optional"
      done="The rollout is paused."
      onClose={onClose}
      onAct={async (reason, key) => {
        await steer("pause", said(reason), key);
      }}
    >
      <p>
        No target is offered anything new, and no wave opens.{" "}
        {inFlight > 0 ? `${formatCount(inFlight)} ${plural(inFlight, "replacement that has begun finishes", "replacements that have begun finish")}.` : "Nothing is in flight now."}
      </p>
    </ActDialog>
  );
}

/** What "again" and "without" mean for a wave whose targets failed, and for one whose check said no. */
function waysOn(rollout: RolloutDetail, wave: RolloutDetail["waves"][number]): Record<"retry" | "accept", { label: string; hint: string }> {
  if (wave.openedAt === null) {
    return {
      retry: { label: "Ask its check again", hint: "The wave opens when it says yes." },
      accept: { label: "Go on all the same", hint: "Its check counts as passed, in your name; nobody is asked again." },
    };
  }
  const bad = wave.counts.failed + wave.counts.stuck;
  const what = `${formatCount(bad)} failed or stuck ${plural(bad, "target")}`;
  return {
    retry: { label: "Try the failed ones again", hint: `${what} ${plural(bad, "is", "are")} offered ${rollout.to?.version ?? "the end"} once more, and the wave is open again.` },
    accept: { label: "Go on without them", hint: `${what} ${plural(bad, "stays as it is", "stay as they are")} and ${plural(bad, "counts", "count")} no more. Whoever is still on the way has to get there; then the next wave may open.` },
  };
}

function Resume({ rollout, onClose }: { rollout: RolloutDetail; onClose: () => void }) {
  const steer = useSteer(rollout);
  const [failed, setFailed] = useState<"retry" | "accept">("retry");
  const wave = findFailedWave(rollout);
  const ways = wave ? waysOn(rollout, wave) : null;
  return (
    <ActDialog
      title={`Resume ${rolloutName(rollout)}`}
      label={ways ? ways[failed].label : "Resume"}
      reason="optional"
      done="The rollout goes on."
      onClose={onClose}
      onAct={async (reason, key) => {
        await steer("resume", { ...said(reason), ...(wave ? { failed } : {}) }, key);
      }}
    >
      {wave && ways ? (
        <>
          {wave.statusReason ? <p>{wave.statusReason}</p> : null}
          <Choice
            legend={`Wave ${wave.ordinal} (${wave.name}) failed`}
            name="failed"
            value={failed}
            onChange={setFailed}
            options={[
              { value: "retry", ...ways.retry },
              { value: "accept", ...ways.accept },
            ]}
          />
        </>
      ) : (
        <p>Targets that wait are offered {rollout.to?.version ?? "the end"} again, and the next wave may open.</p>
      )}
    </ActDialog>
  );
}

function Abort({ rollout, onClose }: { rollout: RolloutDetail; onClose: () => void }) {
  const steer = useSteer(rollout);
  const router = useRouter();
  const refusal = useRefusal();
  const [how, setHow] = useState<"stop" | "rollback">("stop");
  const back = describeStopAndRollBack(rollout);
  const mayNot = refusal("rollouts.rollback", { service: rollout.service, environment: rollout.environment });
  return (
    <ActDialog
      title={`Abort ${rolloutName(rollout)}`}
      label={how === "stop" ? "Stop here" : "Stop and roll back"}
      reason="required"
      done={how === "stop" ? "The rollout is stopped." : "The rollout is stopped, and what it reached goes back."}
      onClose={onClose}
      onAct={async (reason, key) => {
        const answer = await steer("abort", { ...said(reason), how }, key);
        // The rollback that takes its place is what to look at now.
        if (answer.id !== rollout.id) router.push(`/rollouts/${answer.id}`);
      }}
    >
      <Choice
        legend="Either way nothing more of it is offered."
        name="how"
        value={how}
        onChange={setHow}
        options={[
          { value: "stop", label: "Stop here", hint: describeStopHere(rollout) },
          { value: "rollback", label: "Stop and roll back", hint: back, disabledReason: mayNot ?? (back === null ? "Nothing was assigned here before: there is nothing to go back to." : null) },
        ]}
      />
    </ActDialog>
  );
}

/** A wave waits for a person: what it would begin, and the button that begins it. */
export function GoAhead({ rollout, wave }: { rollout: RolloutDetail; wave: RolloutDetail["waves"][number] }) {
  const steer = useSteer(rollout);
  const refusal = useRefusal();
  const [asking, setAsking] = useState(false);
  const { total } = wave.counts;
  const title = `${wave.ordinal} (${wave.name})`;
  const before = rollout.waves.filter((one) => one.ordinal < wave.ordinal);
  const verified = before.reduce((sum, one) => sum + one.counts.verified, 0);
  const reached = before.reduce((sum, one) => sum + one.counts.total, 0);
  return (
    <section className="go-ahead" aria-label={`Wave ${title} waits for a go-ahead`}>
      <RowMark tone="rolling" shape={false} />
      <StatusShape kind="person" tone="rolling" size={16} />
      <p>
        <b>
          Wave {title} is next: {formatCount(total)} {plural(total, "target gets", "targets get")} {rollout.to?.version ?? "nothing"}.
        </b>{" "}
        <span className="muted">{reached > 0 ? `Before it ${formatCount(verified)} of ${formatCount(reached)} ${plural(reached, "is", "are")} verified.` : null}</span>
      </p>
      <Button look="act" disabledReason={refusal("rollouts.go-ahead", { service: rollout.service, environment: rollout.environment })} onClick={() => setAsking(true)}>
        Go ahead with wave {wave.ordinal}…
      </Button>
      {asking ? (
        <ActDialog
          title={`Go ahead with wave ${title}`}
          label={`Go ahead: ${formatCount(total)} ${plural(total, "target")}`}
          reason="optional"
          done={`Wave ${title} may open.`}
          onClose={() => setAsking(false)}
          onAct={async (reason, key) => {
            await steer("go-ahead", { wave: wave.ordinal, ...said(reason) }, key);
          }}
        >
          <p>
            {formatCount(total)} {plural(total, "target is", "targets are")} offered {rollout.to?.version ?? "nothing"} as soon as nothing else stands before the wave. It stands in the ledger under your name.
          </p>
          <p className="muted">{joinGate(wave.gate)}</p>
        </ActDialog>
      ) : null}
    </section>
  );
}

/** An approver takes the stain off the release that was left. */
export function ClearMistake({ rollout }: { rollout: RolloutDetail }) {
  const steer = useSteer(rollout);
  const refusal = useRefusal();
  const [asking, setAsking] = useState(false);
  const left = rollout.from?.version ?? "the old release";
  return (
    <div className="state-actions">
      <Button size="small" disabledReason={refusal("rollouts.clear", { service: rollout.service, environment: rollout.environment })} onClick={() => setAsking(true)}>
        This rollback was a mistake…
      </Button>
      {asking ? (
        <ActDialog
          title={`Leaving ${left} was a mistake`}
          label="Say so in the ledger"
          reason="required"
          done={`${left} may be a last known good again.`}
          onClose={() => setAsking(false)}
          onAct={async (reason, key) => {
            await steer("clear", { reason }, key);
          }}
        >
          <p>
            A release that was rolled back from is never offered as the last known good. This takes that off {left} in {rollout.environment}: nothing wrong was found with it. Nothing that runs changes by this, and a hold stays until it is lifted.
          </p>
        </ActDialog>
      ) : null}
    </div>
  );
}
