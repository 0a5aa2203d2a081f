import type { Metadata } from "next";
import { getPageContext } from "@/server/auth/page-context";
import { InstancePage } from "./client";

export const metadata: Metadata = { title: "Instance" };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const [, { id }] = await Promise.all([getPageContext(), params]);
  return <InstancePage id={id} />;
}
