import type { Metadata } from "next";
import { getPageContext } from "@/server/auth/page-context";
import { FleetPage } from "./client";

export const metadata: Metadata = { title: "Fleet" };

export default async function Page() {
  await getPageContext();
  return <FleetPage />;
}
