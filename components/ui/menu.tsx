"use client";

import { useEffect, useRef } from "react";
import type { ReactNode } from "react";

export interface MenuProps {
  /** Accessible name of the button. */
  label: string;
  button: ReactNode;
  buttonClassName?: string;
  /** Links, buttons, forms, `<hr>`, `.menu-note`. A button with `data-choice` closes it, as a link does. */
  children: ReactNode;
}

/** A disclosure on the native element: it opens without a script; with one it closes on Escape, outside, and on a choice. */
export function Menu({ label, button, buttonClassName, children }: MenuProps) {
  const ref = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const details = ref.current;
    if (!details) return;
    const close = (event: Event) => {
      if (details.open && event.target instanceof Node && !details.contains(event.target)) details.open = false;
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !details.open) return;
      details.open = false;
      if (details.contains(document.activeElement)) details.querySelector("summary")?.focus();
    };
    const choose = (event: Event) => {
      if (event.target instanceof Element && event.target.closest(".menu-panel a, .menu-panel [data-choice]:not([aria-disabled])")) details.open = false;
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("focusin", close);
    document.addEventListener("keydown", escape);
    details.addEventListener("click", choose);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("focusin", close);
      document.removeEventListener("keydown", escape);
      details.removeEventListener("click", choose);
    };
  }, []);
  return (
    <details className="menu" ref={ref}>
      <summary className={buttonClassName} aria-label={label}>
        {button}
      </summary>
      <div className="menu-panel">{children}</div>
    </details>
  );
}
