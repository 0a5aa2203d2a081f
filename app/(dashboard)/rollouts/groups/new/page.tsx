import type { Metadata } from "next";
import { notFound, redirect } from "next/navigation";
import { createLoader } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { Prefetched } from "@/app/prefetched";
import { toQuery } from "@/app/(dashboard)/rollouts/groups/to-group";
import type { GroupSubject } from "@/app/(dashboard)/rollouts/groups/to-group";
import { parseMoment } from "@/components/ui/parse-moment";
import { groupPreviewQuery } from "@/lib/contract/rollouts";
import { keys } from "@/lib/queries/keys";
import { listEnvironments } from "@/server/access/list-environments";
import { getPageContext } from "@/server/auth/page-context";
import { previewGroup } from "@/server/rollouts/groups/preview-group";
import { GroupPage } from "./client";
import { groupParams } from "./search-params";

export const metadata: Metadata = { title: "Several services at once" };

const loadParams = createLoader(groupParams);

export default async function Page({ searchParams }: { searchParams: Promise<SearchParams> }) {
  const [ctx, params] = await Promise.all([getPageContext(), loadParams(searchParams)]);
  const environments = (await listEnvironments({ ctx })).items.filter((environment) => environment.kind === "permanent").toSorted((a, b) => b.ordinal - a.ordinal).map(({ name }) => name);
  const environment = params.environment ?? environments[0] ?? "";
  const written = params.at === null ? null : parseMoment(params.at, Date.now());
  const at = written?.ok ? new Date(written.ms).toISOString() : null;
  // "-40m" means another moment with every reload; the address keeps the one that was meant.
  if (params.kind === "as-of" && at !== null && at !== params.at) redirect(`/rollouts/groups/new?${new URLSearchParams({ kind: "as-of", environment, at, ...(params.incident && { incident: params.incident }) })}`);

  const subject = toSubject(params, { environment, at });
  const promoting = params.kind === "promote" && subject === null && params.environment !== null ? params.service : null;
  if (params.kind !== "as-of" && subject === null && promoting === null) notFound();
  const input = subject && groupPreviewQuery.safeParse(toQuery(subject));
  const load = subject && input?.success ? [{ queryKey: keys.groupPreview(toQuery(subject)), queryFn: async () => previewGroup({ ctx, input: input.data }) }] : [];
  return (
    <Prefetched load={load}>
      <GroupPage subject={subject} promoting={promoting} environments={environments} environment={environment} written={params.at} why={written && !written.ok ? written.why : null} incident={params.incident?.slice(0, 200) ?? ""} />
    </Prefetched>
  );
}

function toSubject({ kind, service, version }: { kind: GroupSubject["kind"]; service: string | null; version: string | null }, { environment, at }: { environment: string; at: string | null }): GroupSubject | null {
  if (kind === "as-of") return at === null || environment === "" ? null : { kind, environment, at };
  if (service === null) return null;
  if (kind === "rollback") return environment === "" ? null : { kind, service, environment, version };
  if (version === null) return null;
  return kind === "recall" ? { kind, service, version } : environment === "" ? null : { kind, service, environment, version };
}
