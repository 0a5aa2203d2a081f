import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Prefetched, orNotFound } from "@/app/prefetched";
import { uuid } from "@/lib/contract/primitives";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { getInstance } from "@/server/drift/get-instance";
import { InstancePage } from "./client";

export const metadata: Metadata = { title: "Instance" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const [ctx, { id }] = await Promise.all([getPageContext(), params]);
  if (!uuid.safeParse(id).success) notFound();
  const instance = await orNotFound(getInstance({ ctx, input: { id } }));
  return (
    <Prefetched load={[{ queryKey: keys.instance(id), queryFn: async () => instance }]}>
      <InstancePage id={id} />
    </Prefetched>
  );
}
