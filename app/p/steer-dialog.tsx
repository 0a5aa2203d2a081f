"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { postJson } from "@/lib/queries/api-client";
import type { SteerProps, Steering } from "./steering";

const WORDS: Record<Steering, { title: string; label: string; done: string }> = {
  pause: { title: "Pause", label: "Pause", done: "The rollout is paused." },
  resume: { title: "Resume", label: "Resume", done: "The rollout goes on." },
  abort: { title: "Abort", label: "Abort", done: "The rollout is stopped." },
};

/** One decision about what is under way, with what it leaves. */
export function SteerDialog({ what, rollout, onClose }: { what: Steering; rollout: SteerProps["rollout"]; onClose: () => void }) {
  const router = useRouter();
  const [then, setThen] = useState<"stop" | "rollback">("stop");
  const words = WORDS[what];
  return (
    <ActDialog
      title={`${words.title} ${rollout.name}`}
      label={what === "abort" ? (then === "stop" ? "Stop here" : `Stop and go back to ${rollout.before ?? "what was"}`) : words.label}
      reason={what === "abort" ? "required" : "none"}
      done={words.done}
      onClose={onClose}
      onAct={async (reason, key) => {
        // oxlint-disable-next-line unicorn/no-thenable -- the contract's word; nobody awaits it
        await postJson(`rollouts/${rollout.id}/${what}`, what === "abort" ? { reason, then } : {}, key);
        router.refresh();
      }}
    >
      {what === "pause" ? <p>No target is offered anything new; replacements that have begun finish.</p> : null}
      {what === "resume" ? <p>Targets that wait are offered the release again.</p> : null}
      {what === "abort" ? (
        <fieldset className="choice">
          <legend className="visually-hidden">What then</legend>
          <label className="check">
            <input type="radio" name="then" checked={then === "stop"} onChange={() => setThen("stop")} />
            <span>
              Stop here<span className="muted block">{rollout.leaves}</span>
            </span>
          </label>
          <label className="check">
            <input type="radio" name="then" checked={then === "rollback"} onChange={() => setThen("rollback")} />
            <span>
              Stop and roll back{rollout.before ? ` to ${rollout.before}` : ""}
              <span className="muted block">A rollback to what was assigned before starts at once.</span>
            </span>
          </label>
        </fieldset>
      ) : null}
    </ActDialog>
  );
}
