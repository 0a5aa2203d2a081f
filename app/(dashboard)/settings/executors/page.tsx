import type { Metadata } from "next";
import { Prefetched } from "@/app/prefetched";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { listExecutors } from "@/server/executors/list-executors";
import { ExecutorsPage } from "./client";

export const metadata: Metadata = { title: "Executors" };

export default async function Page() {
  const ctx = await getPageContext();
  return (
    <Prefetched load={[{ queryKey: keys.executors, queryFn: () => listExecutors({ ctx }) }]}>
      <ExecutorsPage />
    </Prefetched>
  );
}
