import type { Metadata } from "next";
import { Prefetched } from "@/app/prefetched";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { listStrategies } from "@/server/policies/list-strategies";
import { StrategiesPage } from "./client";

export const metadata: Metadata = { title: "Strategies" };

export default async function Page() {
  const ctx = await getPageContext();
  return (
    <Prefetched load={[{ queryKey: keys.strategies, queryFn: () => listStrategies({ ctx, input: {} }) }]}>
      <StrategiesPage />
    </Prefetched>
  );
}
