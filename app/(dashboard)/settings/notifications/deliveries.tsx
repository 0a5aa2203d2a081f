"use client";

import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useQueryStates } from "nuqs";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { Chip, Chips } from "@/components/ui/chip";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead } from "@/components/ui/verdict";
import type { DeliveryDto } from "@/lib/contract/notifications";
import { postJson } from "@/lib/queries/api-client";
import { deliveriesQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError, Outcome } from "../form-parts";
import { useAct } from "../use-act";
import { notificationsParams } from "./search-params";
import { STATUS_TONES, statusWord } from "./to-notifications";

const FILTER_NAMES: [DeliveryDto["status"] | null, string][] = [
  [null, "All"],
  ["pending", "On their way"],
  ["sent", "Sent"],
  ["failed", "Given up"],
];

export function Deliveries() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const missing = refusal("deliveries.read");
  const [filter, setFilter] = useQueryStates(notificationsParams);
  const query = useInfiniteQuery({ ...deliveriesQuery(filter), enabled: missing === null, placeholderData: (previous) => previous });
  const resent = useAct<DeliveryDto>();
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];

  function resend(item: DeliveryDto) {
    void resent.run(async () => {
      const again = await postJson<DeliveryDto>(`deliveries/${item.id}/resend`, {});
      await client.invalidateQueries({ queryKey: ["deliveries"] });
      return again;
    });
  }

  return (
    <section className="section" aria-labelledby="deliveries">
      <SectionHead
        id="deliveries"
        title="Deliveries"
        note="newest first, kept for 30 days"
        end={
          <Chips label="Filter deliveries">
            {FILTER_NAMES.map(([status, name]) => (
              <Chip key={name} pressed={filter.status === status} onClick={() => void setFilter({ status })}>
                {name}
              </Chip>
            ))}
          </Chips>
        }
      />
      {missing ? <StateView kind="empty" title="You have no right to see deliveries." body={missing} /> : null}
      <ListError error={query.error} what="Deliveries" />
      <Outcome act={resent}>{(again) => <p className="section-gap">It is on its way to {nameOf(again)} once more.</p>}</Outcome>
      {query.isPending && missing === null ? <StateView kind="loading" label="Loading: deliveries" rows={4} /> : null}
      {query.data && items.length === 0 ? (
        <StateView
          kind="empty"
          title={filter.status ? "No delivery matches." : "Nothing was sent yet."}
          body={filter.status ? null : "What channels and executors are told appears here, with every attempt."}
          actions={filter.status ? <Button onClick={() => void setFilter({ status: null })}>Clear the filter</Button> : null}
        />
      ) : null}
      {items.length > 0 ? (
        <Table label="Deliveries" stack>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">To</th>
              <th scope="col">State</th>
              <th scope="col" className="num">
                Attempts
              </th>
              <th scope="col">Since, UTC</th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <Row key={item.id} item={item} refusal={refusal("deliveries.resend", item.rollout ? { service: item.rollout.service, environment: item.rollout.environment } : {})} busy={resent.busy} onResend={() => resend(item)} />
            ))}
          </tbody>
        </Table>
      ) : null}
      {query.hasNextPage ? (
        <div className="more">
          <Button aria-busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show older ones
          </Button>
        </div>
      ) : null}
    </section>
  );
}

function Row({ item, refusal, busy, onResend }: { item: DeliveryDto; refusal: string | null; busy: boolean; onResend: () => void }) {
  const reason = item.status === "pending" ? "It is still on its way." : refusal;
  return (
    <tr>
      <HangingCell tone={item.status === "failed" ? "critical" : "neutral"} className="wraps" data-phone="wide">
        {item.rollout ? (
          <Link className="link" href={`/rollouts/${item.rollout.id}`}>
            {item.sentence}
          </Link>
        ) : item.finding ? (
          <Link className="link" href={`/drift?${new URLSearchParams(item.finding)}`}>
            {item.sentence}
          </Link>
        ) : (
          item.sentence
        )}
        {item.resendOf ? <span className="muted">, sent again</span> : null}
      </HangingCell>
      <td data-phone="wide">
        {nameOf(item)} <span className="muted">{(item.channel ?? item.executor)?.kind}</span>
      </td>
      <td className="wraps" data-phone="wide">
        <StatusShape kind={STATUS_TONES[item.status]} size={12} /> {statusWord(item)}
        {item.status === "pending" && item.attempts > 0 && item.nextAttemptAt ? (
          <>
            {" at "}
            <Timestamp at={item.nextAttemptAt} show="time" />
          </>
        ) : null}
        {item.sentAt ? (
          <>
            {" "}
            <Age at={item.sentAt} suffix="ago" />
          </>
        ) : null}
        {item.lastError ? <span className="muted block">{item.lastError}</span> : null}
      </td>
      <td className="num" data-phone="hide">
        {item.attempts}
      </td>
      <td>
        <Timestamp at={item.createdAt} zone={false} />
      </td>
      <td className="num" data-phone="end">
        <Button size="small" aria-label={`Send again to ${nameOf(item)}: ${item.sentence}`} disabledReason={reason} aria-busy={busy} onClick={onResend}>
          Send again
        </Button>
      </td>
    </tr>
  );
}

function nameOf({ channel, executor }: DeliveryDto): string {
  return (channel ?? executor)?.name ?? "nobody";
}
