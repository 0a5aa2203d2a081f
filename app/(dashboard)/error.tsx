"use client";

import { StateView } from "@/components/ui/state-view";
import { Verdict } from "@/components/ui/verdict";

/** A page that could not be drawn at all. The digest is what the server's log knows it by. */
export default function ErrorPage({ error, retry }: { error: Error & { digest?: string }; retry: () => void }) {
  return (
    <>
      <Verdict parts={["This page could not be shown."]} />
      <StateView kind="error" title="Something failed while drawing it" cause="Nothing was changed by this. Try again; if it stays, the server's log names the cause." requestId={error.digest} onRetry={retry} />
    </>
  );
}
