import { randomUUID } from "node:crypto";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { getApp } from "@/server/app";
import type { Ctx } from "@/server/context";
import { PATH_HEADER, PEER_HEADER } from "@/server/http/peer";
import { demoPerson, personOfSession } from "./authenticate";

/** The signed-in person's context for a page, or a redirect to the sign-in page that comes back here. */
export async function getPageContext(): Promise<Ctx> {
  const ctx = await findPageContext();
  if (ctx) return ctx;
  const path = (await headers()).get(PATH_HEADER);
  redirect(path && path !== "/" ? `/sign-in?next=${encodeURIComponent(path)}` : "/sign-in");
}

/** The same for pages that also strangers see: null for nobody. */
export async function findPageContext(): Promise<Ctx | null> {
  const app = getApp();
  const requestHeaders = new Headers(await headers());
  const actor = (await personOfSession(app, requestHeaders)) ?? (await demoPerson(app, { headers: requestHeaders, peer: requestHeaders.get(PEER_HEADER) }));
  return actor && { ...app, actor, requestId: randomUUID() };
}
