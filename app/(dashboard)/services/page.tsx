import type { Metadata } from "next";
import { getPageContext } from "@/server/auth/page-context";
import { ServicesPage } from "./client";

export const metadata: Metadata = { title: "Services" };

export default async function Page() {
  await getPageContext();
  return <ServicesPage />;
}
