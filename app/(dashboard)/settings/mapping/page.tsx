import type { Metadata } from "next";
import { Prefetched } from "@/app/prefetched";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { getMapping } from "@/server/mapping/get-mapping";
import { MappingPage } from "./client";

export const metadata: Metadata = { title: "Mapping" };

export default async function Page() {
  const ctx = await getPageContext();
  return (
    <Prefetched load={[{ queryKey: keys.mapping, queryFn: () => getMapping({ ctx }) }]}>
      <MappingPage />
    </Prefetched>
  );
}
