"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { Choice } from "@/components/ui/choice";
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
  const [how, setHow] = useState<"stop" | "rollback">("stop");
  const words = WORDS[what];
  return (
    <ActDialog
      title={`${words.title} ${rollout.name}`}
      label={what === "abort" ? (how === "stop" ? "Stop here" : `Stop and go back to ${rollout.before ?? "what was"}`) : words.label}
      reason={what === "abort" ? "required" : "none"}
      done={words.done}
      onClose={onClose}
      onAct={async (reason, key) => {
        await postJson(`rollouts/${rollout.id}/${what}`, what === "abort" ? { reason, how } : {}, key);
        router.refresh();
      }}
    >
      {what === "pause" ? <p>No target is offered anything new; replacements that have begun finish.</p> : null}
      {what === "resume" ? <p>Targets that wait are offered the release again.</p> : null}
      {what === "abort" ? (
        <Choice
          legend="What then"
          name="how"
          value={how}
          onChange={setHow}
          options={[
            { value: "stop", label: "Stop here", hint: rollout.leaves },
            { value: "rollback", label: `Stop and roll back${rollout.before ? ` to ${rollout.before}` : ""}`, hint: "A rollback to what was assigned before starts at once." },
          ]}
        />
      ) : null}
    </ActDialog>
  );
}
