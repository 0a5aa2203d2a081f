"use client";

import dynamic from "next/dynamic";
import { useSearchParams } from "next/navigation";
import { useEffect, useRef } from "react";
import { loadRollback } from "./rollback-link";

const NightRollback = dynamic(() => loadRollback().then((module) => module.NightRollback), { ssr: false });

/** Long enough for the page itself to have arrived over a bad line. */
const WARM_AFTER_MS = 1_500;

function closeInUrl(): void {
  const url = new URL(window.location.href);
  url.searchParams.delete("rollback");
  window.history.replaceState(null, "", url);
}

/** The rollback that the URL names, over the night page. `reasons` proposes what to write, by place. */
export function NightDialogs({ incident, reasons }: { incident: string | null; reasons: Readonly<Record<string, string>> }) {
  const place = useSearchParams().get("rollback");
  const opener = useRef<Element | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => void loadRollback(), WARM_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (place === null) return;
    opener.current = document.activeElement;
    return () => {
      if (opener.current instanceof HTMLElement && opener.current.isConnected) opener.current.focus();
    };
  }, [place]);
  return place === null ? null : <NightRollback key={place} place={place} incident={incident} reason={reasons[place] ?? ""} onClose={closeInUrl} />;
}
