import type { App } from "@/server/context";
import { hashSecret } from "./secret-token";

/** What a set-up link or an invitation says about whom it is for. */
export type FoundLink = { purpose: "setup" | "invitation"; name: string | null; email: string | null };

/** The link that a token opens, if it still works; null for one that is unknown, used or expired. Uses nothing up. */
export async function findSetupLink(app: Pick<App, "db">, token: string): Promise<FoundLink | null> {
  const [link] = await app.db.$queryRaw<FoundLink[]>`
    SELECT purpose, name, email FROM setup_links WHERE token_hash = ${hashSecret(token)} AND used_at IS NULL AND expires_at > clock_timestamp()`;
  return link ?? null;
}
