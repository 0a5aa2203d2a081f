"use client";

import { useEffect, useRef, useState } from "react";
import type { KeyboardEvent, MouseEvent, PointerEvent } from "react";
import { cx } from "./cx";
import { announce } from "./live-region";

export interface HoldButtonProps {
  /** "Hold to roll back". */
  label: string;
  /** What the second press does, for the armed state: "roll back". */
  action: string;
  /** Without it, the surrounding form is submitted. */
  onFire?: () => void;
  durationMs?: number;
  disabledReason?: string | null;
  className?: string;
}

type Phase = "rest" | "holding" | "armed";

/**
 * Fires after being held; letting go cancels. A keyboard or a screen reader presses twice instead: arm, then fire.
 * It is a submit button underneath, so that the form works when the script never arrived.
 */
export function HoldButton({ label, action, onFire, durationMs = 1200, disabledReason, className }: HoldButtonProps) {
  const ref = useRef<HTMLButtonElement>(null);
  const frame = useRef(0);
  const virtual = useRef(false);
  const [phase, setPhase] = useState<Phase>("rest");
  const [held, setHeld] = useState(0);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  function fire() {
    setPhase("rest");
    setHeld(0);
    if (onFire) onFire();
    else ref.current?.form?.requestSubmit();
  }

  function rest() {
    cancelAnimationFrame(frame.current);
    setPhase("rest");
    setHeld(0);
  }

  function startHolding(event: PointerEvent<HTMLButtonElement>) {
    // A screen reader's press has no size: it cannot be held, so it takes the two-press way below.
    virtual.current = event.pointerType !== "mouse" && event.width <= 1 && event.height <= 1 && event.pressure === 0;
    if (disabledReason || event.button !== 0 || virtual.current) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const startedAt = performance.now();
    setPhase("holding");
    const step = (time: number) => {
      const share = Math.min(1, Math.max(0, time - startedAt) / durationMs);
      setHeld(share);
      if (share < 1) frame.current = requestAnimationFrame(step);
      else fire();
    };
    frame.current = requestAnimationFrame(step);
  }

  function stopOutside(event: PointerEvent<HTMLButtonElement>) {
    if (phase !== "holding") return;
    const box = event.currentTarget.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) rest();
  }

  function press(event: MouseEvent<HTMLButtonElement>) {
    event.preventDefault();
    // A real pointer's click has a count; Enter, Space and assistive technology send zero.
    if (disabledReason || (event.detail > 0 && !virtual.current)) return;
    if (phase === "armed") {
      fire();
      return;
    }
    setPhase("armed");
    announce(`Armed. Press again to ${action}, Escape to cancel.`);
  }

  function disarm(event: KeyboardEvent<HTMLButtonElement>) {
    if (event.key === "Enter" && event.repeat) event.preventDefault();
    if (event.key !== "Escape" || phase !== "armed") return;
    // The dialog around it would close on the same key.
    event.preventDefault();
    event.stopPropagation();
    rest();
    announce("Cancelled.");
  }

  const seconds = durationMs / 1000;
  const words = {
    rest: { label, note: disabledReason ?? `${seconds} s. Letting go cancels.` },
    holding: { label: "Keep holding", note: `${(held * seconds).toFixed(1)} of ${seconds} s. Let go to cancel.` },
    armed: { label: `Press again to ${action}`, note: "Armed. Escape cancels." },
  }[phase];
  return (
    <button
      ref={ref}
      type="submit"
      className={cx("btn btn-act hold", className)}
      data-phase={phase}
      aria-disabled={disabledReason ? true : undefined}
      aria-label={phase === "armed" ? `Press again to ${action}` : label}
      onPointerDown={startHolding}
      onPointerMove={stopOutside}
      onPointerUp={() => phase === "holding" && rest()}
      onPointerCancel={() => phase === "holding" && rest()}
      onContextMenu={(event) => event.preventDefault()}
      onClick={press}
      onKeyDown={disarm}
      onBlur={() => phase === "armed" && rest()}
      style={{ "--progress": held }}
    >
      <svg className="hold-ring" viewBox="0 0 44 44" aria-hidden="true">
        <circle cx="22" cy="22" r="18" />
        <circle cx="22" cy="22" r="18" />
      </svg>
      <span>
        <span className="hold-label">{words.label}</span>
        <span className="hold-note">{words.note}</span>
      </span>
    </button>
  );
}
