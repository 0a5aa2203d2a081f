import type { Metadata } from "next";
import { getPageContext } from "@/server/auth/page-context";
import { ServicePage } from "./client";

export async function generateMetadata({ params }: { params: Promise<{ service: string }> }): Promise<Metadata> {
  return { title: decodeURIComponent((await params).service) };
}

export default async function Page({ params }: { params: Promise<{ service: string }> }) {
  const [, { service }] = await Promise.all([getPageContext(), params]);
  return <ServicePage name={decodeURIComponent(service)} />;
}
