"use client";

import dynamic from "next/dynamic";
import { useLayoutEffect } from "react";
import { formatStart } from "./start";
import { useStart } from "./use-start";

const StartFlow = dynamic(() => import("./start-flow").then((module) => module.StartFlow), { ssr: false });

/** Opens what the URL names, over whatever page it is. Its code arrives when it is first needed. */
export function StartHost() {
  const [start, setStart] = useStart();
  const open = start !== null;
  // The dialog is drawn twice, while it loads and when it is there, so that the browser forgets who opened it.
  useLayoutEffect(() => {
    if (!open) return;
    const opener = document.activeElement;
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, [open]);
  if (start === null) return null;
  return <StartFlow key={formatStart(start)} start={start} onElsewhere={setStart} onClose={() => setStart(null)} />;
}
