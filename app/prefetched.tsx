import { HydrationBoundary, dehydrate } from "@tanstack/react-query";
import type { QueryKey } from "@tanstack/react-query";
import { notFound } from "next/navigation";
import type { ReactNode } from "react";
import { createQueryClient } from "@/lib/queries/query-client";
import { AppError } from "@/server/errors";

/** One answer to bring along: under the key that the client asks with. `pages`: the first page of an infinite query. */
export interface Load {
  queryKey: QueryKey;
  queryFn: () => Promise<unknown>;
  pages?: boolean;
}

/**
 * Brings the verbs' answers along with the page. One that fails is left out: the client asks again and shows its own
 * error, with the request's id.
 */
export async function Prefetched({ load, children }: { load: readonly Load[]; children: ReactNode }) {
  const client = createQueryClient();
  await Promise.all(
    load.map(({ queryKey, queryFn, pages }) =>
      pages
        ? client.prefetchInfiniteQuery({ queryKey, queryFn, initialPageParam: null, retry: false })
        : client.prefetchQuery({ queryKey, queryFn, retry: false }),
    ),
  );
  return <HydrationBoundary state={dehydrate(client)}>{children}</HydrationBoundary>;
}

/** The answer, or the page that says there is no such thing. Other refusals stay errors. */
export async function orNotFound<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError && (error.kind === "not-found" || error.kind === "invalid")) notFound();
    throw error;
  }
}
