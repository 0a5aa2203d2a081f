import type { Metadata } from "next";
import { Prefetched } from "@/app/prefetched";
import { keys } from "@/lib/queries/keys";
import { listEnvironments } from "@/server/access/list-environments";
import { listPools } from "@/server/access/list-pools";
import { listTokens } from "@/server/access/list-tokens";
import { getPageContext } from "@/server/auth/page-context";
import { listAgents } from "@/server/drift/list-agents";
import { listPreviewRules } from "@/server/previews/list-preview-rules";
import { SettingsPage } from "./client";

export const metadata: Metadata = { title: "Settings" };

export default async function Page() {
  const ctx = await getPageContext();
  return (
    <Prefetched
      load={[
        { queryKey: keys.environments, queryFn: () => listEnvironments({ ctx }) },
        { queryKey: keys.previewRules, queryFn: () => listPreviewRules({ ctx }) },
        { queryKey: keys.pools, queryFn: () => listPools({ ctx }) },
        { queryKey: keys.agents, queryFn: () => listAgents({ ctx, input: { limit: 500 } }) },
        { queryKey: keys.tokens, queryFn: () => listTokens({ ctx }) },
      ]}
    >
      <SettingsPage />
    </Prefetched>
  );
}
