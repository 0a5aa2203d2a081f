import type { Metadata } from "next";
import { createLoader } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { Prefetched } from "@/app/prefetched";
import { listDeliveriesQuery } from "@/lib/contract/notifications";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { listChannels } from "@/server/notifications/list-channels";
import { listDeliveries } from "@/server/notifications/list-deliveries";
import { NotificationsPage } from "./client";
import { notificationsParams } from "./search-params";

export const metadata: Metadata = { title: "Notifications" };

const loadParams = createLoader(notificationsParams);

export default async function Page({ searchParams }: { searchParams: Promise<SearchParams> }) {
  const [ctx, filter] = await Promise.all([getPageContext(), loadParams(searchParams)]);
  return (
    <Prefetched
      load={[
        { queryKey: keys.channels, queryFn: () => listChannels({ ctx }) },
        { queryKey: keys.deliveries(filter), pages: true, queryFn: () => listDeliveries({ ctx, input: listDeliveriesQuery.parse({ status: filter.status ?? undefined, limit: 50 }) }) },
      ]}
    >
      <NotificationsPage />
    </Prefetched>
  );
}
