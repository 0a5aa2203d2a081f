import type { Metadata } from "next";
import { createLoader } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { Prefetched } from "@/app/prefetched";
import { findingsQuery } from "@/lib/contract/fleet";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { listFindings } from "@/server/drift/list-findings";
import { DriftPage } from "./client";
import { driftParams } from "./search-params";

export const metadata: Metadata = { title: "Drift" };

const loadParams = createLoader(driftParams);

export default async function Page({ searchParams }: { searchParams: Promise<SearchParams> }) {
  const [ctx, { service, environment, kind }] = await Promise.all([getPageContext(), loadParams(searchParams)]);
  const queryFn = async () => listFindings({ ctx, input: findingsQuery.parse({ service: service ?? undefined, environment: environment ?? undefined, kind: kind ?? undefined }) });
  return (
    <Prefetched load={[{ queryKey: keys.findings({ service, environment, kind, state: "open" }), queryFn }]}>
      <DriftPage />
    </Prefetched>
  );
}
