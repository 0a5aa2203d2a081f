import type { Metadata } from "next";
import { createLoader } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { Prefetched } from "@/app/prefetched";
import { listReleasesQuery } from "@/lib/contract/releases";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { listReleases } from "@/server/releases/list-releases";
import { ReleasesPage } from "./client";
import { releasesParams } from "./search-params";

export const metadata: Metadata = { title: "Releases" };

const loadParams = createLoader(releasesParams);

export default async function Page({ searchParams }: { searchParams: Promise<SearchParams> }) {
  const [ctx, { service }] = await Promise.all([getPageContext(), loadParams(searchParams)]);
  return (
    <Prefetched load={[{ queryKey: keys.releases(service), queryFn: async () => listReleases({ ctx, input: listReleasesQuery.parse({ service: service ?? undefined }) }) }]}>
      <ReleasesPage />
    </Prefetched>
  );
}
