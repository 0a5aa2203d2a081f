import { join, resolve } from "node:path";
import { z } from "zod";
import { parseOutboundAllow, type OutboundAllowance } from "./outbound/vet-address";

const schema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  PLUMBLINE_DATA: z.string().min(1).default(".plumbline"),
  PLUMBLINE_HOST: z.string().min(1).default("127.0.0.1"),
  PLUMBLINE_PORT: z.coerce.number().int().min(0).max(65535).default(4600),
  PLUMBLINE_URL: z.url({ protocol: /^https?$/ }).optional(),
  PLUMBLINE_DEMO: z.enum(["0", "1"]).default("0"),
  PLUMBLINE_TLS_CERT: z.string().optional(),
  PLUMBLINE_TLS_KEY: z.string().optional(),
  /** Addresses or CIDR blocks, comma-separated, whose X-Forwarded-* headers are believed. */
  PLUMBLINE_TRUSTED_PROXIES: z.string().default(""),
  /** Hosts, addresses or CIDR blocks, comma-separated, each with an optional `:port`, that may be private and plain http. */
  PLUMBLINE_OUTBOUND_ALLOW: z.string().default("").transform((text, context) => {
    try {
      return parseOutboundAllow(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : "cannot be read" });
      return z.NEVER;
    }
  }),
  PLUMBLINE_LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info"),
  PLUMBLINE_DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(16),
});

export type Config = {
  databaseUrl: string;
  dataDir: string;
  keysDir: string;
  host: string;
  port: number;
  /** The origin that browsers and agents use, without a trailing slash. */
  url: string;
  demo: boolean;
  tls: { certFile: string; keyFile: string } | null;
  trustedProxies: string[];
  /** Where requests to other systems may go though it is not the public internet. */
  outboundAllow: readonly OutboundAllowance[];
  logLevel: string;
  poolSize: number;
};

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * Reads the process's settings: the only place where the environment is looked at.
 * @throws Error whose message names every wrong variable and what it must be.
 */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`Plumbline's settings are wrong:\n${lines.join("\n")}`);
  }
  const v = parsed.data;
  const tls = v.PLUMBLINE_TLS_CERT && v.PLUMBLINE_TLS_KEY ? { certFile: v.PLUMBLINE_TLS_CERT, keyFile: v.PLUMBLINE_TLS_KEY } : null;
  if (!tls && !LOOPBACK.has(v.PLUMBLINE_HOST)) {
    throw new Error(`PLUMBLINE_HOST is ${v.PLUMBLINE_HOST}: plain http is served on loopback only. Set PLUMBLINE_TLS_CERT and PLUMBLINE_TLS_KEY, or put a TLS proxy before 127.0.0.1.`);
  }
  const demo = v.PLUMBLINE_DEMO === "1";
  if (demo && !LOOPBACK.has(v.PLUMBLINE_HOST)) throw new Error("The demo listens on loopback only.");
  const dataDir = resolve(v.PLUMBLINE_DATA);
  const shownHost = v.PLUMBLINE_HOST.includes(":") ? `[${v.PLUMBLINE_HOST}]` : v.PLUMBLINE_HOST;
  return {
    databaseUrl: v.DATABASE_URL,
    dataDir,
    keysDir: join(dataDir, "keys"),
    host: v.PLUMBLINE_HOST,
    port: v.PLUMBLINE_PORT,
    url: (v.PLUMBLINE_URL ?? `${tls ? "https" : "http"}://${shownHost}:${v.PLUMBLINE_PORT}`).replace(/\/$/, ""),
    demo,
    tls,
    trustedProxies: v.PLUMBLINE_TRUSTED_PROXIES.split(",").map((part) => part.trim()).filter(Boolean),
    outboundAllow: v.PLUMBLINE_OUTBOUND_ALLOW,
    logLevel: v.PLUMBLINE_LOG_LEVEL,
    poolSize: v.PLUMBLINE_DATABASE_POOL,
  };
}
