import { prismaAdapter } from "@better-auth/prisma-adapter";
import { betterAuth } from "better-auth";
import { APIError } from "better-auth/api";
import type { App } from "@/server/context";
import { PEER_HEADER } from "@/server/http/peer";
import { ownOrigins } from "@/server/http/check-origin";
import { processWide } from "@/server/process-wide";
import { cookiePrefix } from "./session-cookie";

const DAY_SECONDS = 24 * 60 * 60;

function createAuth(app: App) {
  const { config, db, keys, log } = app;
  const https = config.url.startsWith("https:");
  return betterAuth({
    appName: "Plumbline",
    baseURL: config.url,
    basePath: "/api/auth",
    secret: keys.authSecret,
    trustedOrigins: ownOrigins(config),
    database: prismaAdapter(db, { provider: "postgresql" }),
    // Accounts are made by a set-up link or an invitation only.
    emailAndPassword: { enabled: true, disableSignUp: true, minPasswordLength: 12, maxPasswordLength: 200 },
    user: { additionalFields: { actorId: { type: "string", required: false, input: false } } },
    session: { expiresIn: 7 * DAY_SECONDS, disableSessionRefresh: true },
    rateLimit: { enabled: true, storage: "database", window: 60, max: 300, customRules: { "/sign-in/email": { window: 60, max: 10 } } },
    advanced: {
      // The prefix of the name is ours to choose (__Host-), so the library must not put its own before it.
      useSecureCookies: false,
      cookiePrefix: cookiePrefix(https),
      defaultCookieAttributes: { secure: https, httpOnly: true, sameSite: "lax", path: "/" },
      ipAddress: { ipAddressHeaders: [PEER_HEADER] },
    },
    databaseHooks: {
      session: {
        create: {
          before: async (session) => {
            const actor = await db.actor.findFirst({ where: { user: { id: session.userId }, disabledAt: null }, select: { id: true } });
            if (!actor) throw new APIError("FORBIDDEN", { message: "This account is disabled." });
          },
        },
      },
    },
    telemetry: { enabled: false },
    logger: { level: "error", log: (level, message) => log[level === "error" ? "error" : "debug"]({ part: "auth" }, message) },
  });
}

export type Auth = ReturnType<typeof createAuth>;

/** The auth library, once per process and app. */
export function getAuth(app: App): Auth {
  const made = processWide("auth", () => new WeakMap<App, Auth>());
  let auth = made.get(app);
  if (!auth) made.set(app, (auth = createAuth(app)));
  return auth;
}
