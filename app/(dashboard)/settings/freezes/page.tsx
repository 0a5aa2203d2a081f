import type { Metadata } from "next";
import { Prefetched } from "@/app/prefetched";
import { freezesQuery } from "@/lib/contract/freezes";
import { keys } from "@/lib/queries/keys";
import { listEnvironments } from "@/server/access/list-environments";
import { getPageContext } from "@/server/auth/page-context";
import { listFreezes } from "@/server/policies/list-freezes";
import { listHolds } from "@/server/policies/list-holds";
import { listRecalls } from "@/server/policies/list-recalls";
import { listWaivers } from "@/server/policies/list-waivers";
import { FreezesPage } from "./client";

export const metadata: Metadata = { title: "Freezes" };

export default async function Page() {
  const ctx = await getPageContext();
  return (
    <Prefetched
      load={[
        { queryKey: keys.freezes, queryFn: () => listFreezes({ ctx, input: freezesQuery.parse({}) }) },
        { queryKey: keys.holds, queryFn: () => listHolds({ ctx, input: {} }) },
        { queryKey: keys.waivers, queryFn: () => listWaivers({ ctx, input: { state: "in-force" } }) },
        { queryKey: keys.recalls, queryFn: () => listRecalls({ ctx, input: { state: "standing" } }) },
        { queryKey: keys.environments, queryFn: () => listEnvironments({ ctx }) },
      ]}
    >
      <FreezesPage />
    </Prefetched>
  );
}
