import type { Metadata } from "next";
import { getPageContext } from "@/server/auth/page-context";
import { DriftPage } from "./client";

export const metadata: Metadata = { title: "Drift" };

export default async function Page() {
  await getPageContext();
  return <DriftPage />;
}
