"use client";

import dynamic from "next/dynamic";
import { useLayoutEffect } from "react";
import { formatPlace } from "./place";
import { useRollback } from "./use-rollback";

const RollbackFlow = dynamic(() => import("./rollback-flow").then((module) => module.RollbackFlow), { ssr: false });

/** Opens the rollback that the URL names, over whatever page it is. Its code arrives when it is first needed. */
export function RollbackHost() {
  const [place, setPlace] = useRollback();
  const open = place !== null;
  // The dialog is drawn twice, while it loads and when it is there, so that the browser forgets who opened it.
  useLayoutEffect(() => {
    if (!open) return;
    const opener = document.activeElement;
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, [open]);
  if (place === null) return null;
  return <RollbackFlow key={formatPlace(place)} place={place} onClose={() => setPlace(null)} />;
}
