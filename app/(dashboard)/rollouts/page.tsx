import type { Metadata } from "next";
import { createLoader } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { Prefetched } from "@/app/prefetched";
import { listRolloutsQuery } from "@/lib/contract/rollouts";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { listRollouts } from "@/server/rollouts/list-rollouts";
import { RolloutsPage } from "./client";
import { rolloutsParams } from "./search-params";

export const metadata: Metadata = { title: "Rollouts" };

const loadParams = createLoader(rolloutsParams);

export default async function Page({ searchParams }: { searchParams: Promise<SearchParams> }) {
  const [ctx, filter] = await Promise.all([getPageContext(), loadParams(searchParams)]);
  return (
    <Prefetched
      load={[
        {
          queryKey: keys.rollouts(filter),
          queryFn: async () => listRollouts({ ctx, input: listRolloutsQuery.parse({ service: filter.service ?? undefined, status: filter.status ?? undefined }) }),
        },
      ]}
    >
      <RolloutsPage />
    </Prefetched>
  );
}
