"use client";

import { useEffect, useId, useRef } from "react";
import type { ReactNode } from "react";
import { LiveRegion } from "./live-region";
import { StatusShape } from "./status-shape";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** Any CSS length; 560px unless said. */
  width?: string;
  /** The content frames itself with `.dialog-inner`: for one with an edge-to-edge footer. */
  flush?: boolean;
  children: ReactNode;
}

/** A modal on the native element: the browser traps focus, gives it back, and closes on Escape. */
export function Dialog({ open, onClose, title, width, flush, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (open && !dialog.open) {
      dialog.showModal();
      // The title, not the close button: it is what should be read first.
      heading.current?.focus();
    }
    if (!open && dialog.open) dialog.close();
  }, [open]);
  return (
    <dialog
      ref={ref}
      className="dialog"
      aria-labelledby={id}
      style={width ? { "--dialog-width": width } : undefined}
      onClose={onClose}
    >
      {open ? (
        <>
          <div className="dialog-top">
            <div className="dialog-head">
              <h2 id={id} ref={heading} tabIndex={-1}>{title}</h2>
              <button type="button" className="dialog-close" aria-label="Close" onClick={() => ref.current?.close()}>
                <StatusShape kind="close" size={16} />
              </button>
            </div>
          </div>
          {flush ? children : <div className="dialog-inner">{children}</div>}
          <LiveRegion />
        </>
      ) : null}
    </dialog>
  );
}
