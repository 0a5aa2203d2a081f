"use client";

import dynamic from "next/dynamic";
import { useState } from "react";
import type { MouseEvent } from "react";
import { Button, ButtonLink } from "@/components/ui/button";
import { StatusShape } from "@/components/ui/status-shape";
import type { SteerProps, Steering } from "./steering";

const SteerDialog = dynamic(() => import("./steer-dialog").then((module) => module.SteerDialog), { ssr: false });

/** Pause and abort of what is under way. Without a script both lead to the rollout's own page. */
export function Steer({ rollout, refusal }: SteerProps) {
  const [asking, setAsking] = useState<Steering | null>(null);
  const href = `/rollouts/${rollout.id}`;
  const ask = (what: Steering) => (event: MouseEvent) => {
    event.preventDefault();
    setAsking(what);
  };
  return (
    <>
      {refusal.pause ? (
        <Button size="large" disabledReason={refusal.pause}>
          {rollout.paused ? "Resume" : "Pause"}
        </Button>
      ) : (
        <ButtonLink size="large" href={href} prefetch={false} onClick={ask(rollout.paused ? "resume" : "pause")}>
          {rollout.paused ? null : <StatusShape kind="paused" size={12} />} {rollout.paused ? "Resume" : "Pause"}
        </ButtonLink>
      )}
      {refusal.abort ? (
        <Button size="large" disabledReason={refusal.abort}>
          Abort…
        </Button>
      ) : (
        <ButtonLink size="large" href={href} prefetch={false} onClick={ask("abort")}>
          Abort…
        </ButtonLink>
      )}
      {asking ? <SteerDialog what={asking} rollout={rollout} onClose={() => setAsking(null)} /> : null}
    </>
  );
}
