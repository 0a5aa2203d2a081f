import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Prefetched, orNotFound } from "@/app/prefetched";
import { uuid } from "@/lib/contract/primitives";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { getGroup } from "@/server/rollouts/groups/get-group";
import { GroupReceipt } from "./client";

export const metadata: Metadata = { title: "Several services at once" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const [ctx, { id }] = await Promise.all([getPageContext(), params]);
  if (!uuid.safeParse(id).success) notFound();
  const group = await orNotFound(getGroup({ ctx, input: { id } }));
  return (
    <Prefetched load={[{ queryKey: keys.group(id), queryFn: async () => group }]}>
      <GroupReceipt id={id} />
    </Prefetched>
  );
}
