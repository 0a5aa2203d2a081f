"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { EventList } from "@/components/rollouts/event-list";
import { Button } from "@/components/ui/button";
import { StateView } from "@/components/ui/state-view";
import { SectionHead } from "@/components/ui/verdict";
import { journalQuery } from "@/lib/queries/queries";
import { toJournalRows } from "./to-journal";

/** What happened at a place or to an instance, newest first. `names`: each line says to which instance. */
export function Journal({ filter, note, names }: { filter: { service?: string; environment?: string; instance?: string; to?: string }; note: string; names: boolean }) {
  const query = useInfiniteQuery(journalQuery(filter));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="section" aria-label="Journal">
      <SectionHead title="Journal" note={note} end="UTC" />
      {query.error && !query.data ? (
        <StateView kind="error" title="The journal could not be loaded" cause={query.error.message} onRetry={() => void query.refetch()} />
      ) : query.isPending ? (
        <StateView kind="loading" label="Loading the journal" rows={4} />
      ) : items.length === 0 ? (
        <StateView kind="empty" title="Nothing happened." />
      ) : (
        <EventList label="Journal" events={toJournalRows(items, { names })} />
      )}
      {query.hasNextPage ? (
        <div className="more">
          <Button onClick={() => void query.fetchNextPage()} aria-busy={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? "Loading…" : "Show older lines"}
          </Button>
        </div>
      ) : null}
    </section>
  );
}
