import type { Metadata } from "next";
import { Prefetched } from "@/app/prefetched";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { getMatrix } from "@/server/drift/get-matrix";
import { listAgents } from "@/server/drift/list-agents";
import { WelcomePage } from "./client";

export const metadata: Metadata = { title: "Welcome" };

export default async function Page() {
  const ctx = await getPageContext();
  return (
    <Prefetched
      load={[
        { queryKey: keys.matrix, queryFn: () => getMatrix({ ctx }) },
        { queryKey: keys.agents, queryFn: () => listAgents({ ctx, input: { limit: 500 } }) },
      ]}
    >
      <WelcomePage />
    </Prefetched>
  );
}
