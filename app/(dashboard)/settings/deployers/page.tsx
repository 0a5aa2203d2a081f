import type { Metadata } from "next";
import { Prefetched } from "@/app/prefetched";
import { announcementsQuery } from "@/lib/contract/deployments";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { listHooks } from "@/server/hooks/list-hooks";
import { listAnnouncements } from "@/server/rollouts/external/list-announcements";
import { DeployersPage } from "./client";

export const metadata: Metadata = { title: "Deployers" };

export default async function Page() {
  const ctx = await getPageContext();
  return (
    <Prefetched
      load={[
        { queryKey: keys.announcements, queryFn: () => listAnnouncements({ ctx, input: announcementsQuery.parse({ limit: 50 }) }), pages: true },
        { queryKey: keys.hooks, queryFn: () => listHooks({ ctx }) },
      ]}
    >
      <DeployersPage />
    </Prefetched>
  );
}
