import { ed25519 } from "@noble/curves/ed25519.js";
import { readConfig } from "./config";
import type { App } from "./context";
import { openDatabase } from "./db";
import { loadKeys } from "./ledger/keys";
import { createLog } from "./log";
import { processWide } from "./process-wide";

/**
 * What lives as long as the process: settings, database, keys, log. Made on first use and shared by the listener and
 * Next's route handlers.
 * @throws Error naming wrong settings
 */
export function getApp(): App {
  return processWide("app", () => openApp("web"));
}

/** Opens the parts for a process of the given name; the first caller in a process decides. */
export function startApp(name: "web" | "worker"): App {
  return processWide("app", () => openApp(name));
}

function openApp(name: string): App {
  const config = readConfig();
  return {
    config,
    db: openDatabase(config.databaseUrl, { poolSize: config.poolSize, name: `plumbline ${name}` }),
    keys: loadKeys(config.keysDir, (seed) => ed25519.getPublicKey(seed), config.demo),
    log: createLog(name, config.logLevel),
  };
}
