"use client";

import type { ReactNode } from "react";
import { StateView } from "@/components/ui/state-view";
import { Verdict } from "@/components/ui/verdict";
import { ApiError } from "@/lib/queries/api-client";

/** What of a query's result decides how its page looks. */
export interface Answer<T> {
  data: T | undefined;
  error: Error | null;
  dataUpdatedAt: number;
  fetchStatus: "fetching" | "paused" | "idle";
  refetch: () => unknown;
}

function requestIdOf(error: Error): string | null {
  return error instanceof ApiError && error.problem.requestId !== "none" ? error.problem.requestId : null;
}

function titleOf(error: Error): string {
  return error instanceof ApiError ? error.problem.title : "This page could not be loaded";
}

export interface QueryStateProps<T> {
  query: Answer<T>;
  /** The heading until there is an answer. */
  title: string;
  rows?: number;
  children: (data: T) => ReactNode;
}

/** Loading, failed, stale, or the page: the same on every page. Data that arrived once stays in sight. */
export function QueryState<T>({ query, title, rows, children }: QueryStateProps<T>) {
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    return (
      <>
        <Verdict parts={[title]} />
        {query.error === null ? (
          <StateView kind="loading" label={`Loading: ${title}`} rows={rows} />
        ) : query.error instanceof ApiError && query.error.status === 403 ? (
          <StateView kind="empty" title="You have no right to see this." body={query.error.message} />
        ) : (
          <StateView kind="error" title={titleOf(query.error)} cause={query.error.message} requestId={requestIdOf(query.error)} onRetry={retry} />
        )}
      </>
    );
  }
  return (
    <>
      {query.error ? (
        <StateView kind="error" title={titleOf(query.error)} cause={query.error.message} requestId={requestIdOf(query.error)} onRetry={retry} cachedAt={query.dataUpdatedAt} />
      ) : query.fetchStatus === "paused" ? (
        <StateView kind="stale" since={query.dataUpdatedAt} body="This browser is offline." onRetry={retry} />
      ) : null}
      {children(query.data)}
    </>
  );
}
