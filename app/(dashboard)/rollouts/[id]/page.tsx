import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Prefetched, orNotFound } from "@/app/prefetched";
import { uuid } from "@/lib/contract/primitives";
import { keys } from "@/lib/queries/keys";
import { getPageContext } from "@/server/auth/page-context";
import { getRollout } from "@/server/rollouts/get-rollout";
import { RolloutPage } from "./client";

export const metadata: Metadata = { title: "Rollout" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const [ctx, { id }] = await Promise.all([getPageContext(), params]);
  if (!uuid.safeParse(id).success) notFound();
  const rollout = await orNotFound(getRollout({ ctx, input: { id } }));
  return (
    <Prefetched load={[{ queryKey: keys.rollout(id), queryFn: async () => rollout }]}>
      <RolloutPage id={id} />
    </Prefetched>
  );
}
