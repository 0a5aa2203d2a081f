import type { Metadata } from "next";
import { createLoader } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { Prefetched, orNotFound } from "@/app/prefetched";
import { instancesQuery } from "@/lib/contract/fleet";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { getService } from "@/server/drift/get-service";
import { listInstances } from "@/server/drift/list-instances";
import { listFreezes } from "@/server/policies/list-freezes";
import { listStrategies } from "@/server/policies/list-strategies";
import { ServicePage } from "./client";
import { serviceParams } from "./search-params";

type Props = { params: Promise<{ service: string }>; searchParams: Promise<SearchParams> };

const loadParams = createLoader(serviceParams);

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: decodeURIComponent((await params).service) };
}

export default async function Page({ params, searchParams }: Props) {
  const [ctx, { service: encoded }, { environment, category }] = await Promise.all([getPageContext(), params, loadParams(searchParams)]);
  const service = decodeURIComponent(encoded);
  const found = await orNotFound(getService({ ctx, input: { service } }));
  return (
    <Prefetched
      load={[
        { queryKey: keys.service(service), queryFn: async () => found },
        { queryKey: keys.strategies, queryFn: () => listStrategies({ ctx, input: {} }) },
        { queryKey: keys.freezes, queryFn: () => listFreezes({ ctx, input: { state: "standing" } }) },
        {
          queryKey: keys.instances({ service, environment, category }),
          queryFn: async () => listInstances({ ctx, input: instancesQuery.parse({ service, environment: environment ?? undefined, category: category ?? undefined }) }),
          pages: true,
        },
      ]}
    >
      <ServicePage name={service} />
    </Prefetched>
  );
}
