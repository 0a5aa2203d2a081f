import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { SetupLinkDto } from "@/lib/contract/access";
import type { App } from "@/server/context";

const stored = z.object({ link: z.string().nullable(), token: z.string(), expiresAt: z.string() });
export type SetupFile = z.infer<typeof stored>;

const fileOf = (app: Pick<App, "config">): string => join(app.config.dataDir, "setup.json");

/** What setup.json says: the set-up link (null once used), the first token, until when. Null when it is not there. */
export function readSetupFile(app: Pick<App, "config">): SetupFile | null {
  const file = fileOf(app);
  if (!existsSync(file)) return null;
  try {
    return stored.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    // Somebody's half-edited file is as good as none; a new one takes its place.
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

/** Writes setup.json, readable by this user alone, whole or not at all. */
export function writeSetupFile(app: Pick<App, "config">, content: SetupLinkDto | SetupFile): void {
  const draft = `${fileOf(app)}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(draft, fileOf(app));
}

/** The link was used: the file keeps the token only. A file that cannot be written is no reason to refuse the account. */
export function forgetSetupLink(app: Pick<App, "config" | "log">): void {
  try {
    const content = readSetupFile(app);
    if (content) writeSetupFile(app, { ...content, link: null });
  } catch (error) {
    app.log.warn({ err: error }, "setup.json still names the link that was used");
  }
}
