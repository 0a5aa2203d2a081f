"use client";

import type { ReactNode } from "react";
import { StateView } from "@/components/ui/state-view";
import { ApiError } from "@/lib/queries/api-client";
import type { Act } from "./use-act";

/** A field of a form as it was typed, without the space around it. */
export function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/** What a form says after it was sent. Takes no place before. */
export function Outcome<T>({ act, children }: { act: Act<T>; children: (result: T) => ReactNode }) {
  return (
    <>
      <div role="alert">{act.error ? <p className="entry-error">{act.error}</p> : null}</div>
      <output className="block">{act.result ? children(act.result) : null}</output>
    </>
  );
}

/** Why a list is not there; `what` begins a sentence. */
export function ListError({ error, what }: { error: Error | null; what: string }) {
  if (!error) return null;
  if (error instanceof ApiError && error.status === 403) return <StateView kind="empty" title={`You have no right to see ${what}.`} body={error.message} />;
  return <StateView kind="error" title={`${what} could not be loaded`} cause={error.message} requestId={error instanceof ApiError ? error.problem.requestId : null} />;
}
