"use client";

import { useId, useState } from "react";
import type { ReactElement, ReactNode } from "react";

/** Words on hover and focus, which stay while the pointer is on them and leave on Escape. Nothing essential goes only here. */
export function Tooltip({ text, children }: { text: ReactNode; children: (describedBy: string) => ReactElement }) {
  const id = useId();
  const [shown, setShown] = useState(false);
  return (
    <span
      className="tooltip-anchor"
      role="presentation"
      onPointerEnter={() => setShown(true)}
      onPointerLeave={() => setShown(false)}
      onFocus={() => setShown(true)}
      onBlur={() => setShown(false)}
      onKeyDown={(event) => {
        if (event.key === "Escape" && shown) {
          event.stopPropagation();
          setShown(false);
        }
      }}
    >
      {children(id)}
      <span role="tooltip" id={id} className="tooltip" hidden={!shown}>
        {text}
      </span>
    </span>
  );
}
