import { join } from "node:path";
import { readJsonFile, writeFileDurably } from "./state-files";

/** Who this agent is and whom it trusts; written once by `enroll`, the checkpoint grows with what it has seen. */
export interface Identity {
  url: string;
  agent: string;
  /** Secret. */
  token: string;
  name: string;
  runtime: "docker" | "exec" | "simulated";
  origin: string;
  vkey: string;
  recoveryVkey: string;
  /** Hex; keys the settings digests. Secret. */
  settingsKey: string;
  intervalMs: number;
  environments: string[];
  /** Its pool's hosts come and go: being stopped is leaving. */
  ephemeral?: boolean;
  region?: string;
  /** PEM of the authority that signed the server's TLS certificate. */
  ca?: string;
}

const path = (dir: string) => join(dir, "identity.json");

export async function saveIdentity(dir: string, identity: Identity): Promise<void> {
  await writeFileDurably(path(dir), `${JSON.stringify(identity, null, 2)}\n`);
}

/** The enrolled identity, or null when `enroll` has not run in this folder. Throws when the file is damaged. */
export async function loadIdentity(dir: string): Promise<Identity | null> {
  const value = await readJsonFile(path(dir));
  if (value === null) return null;
  if (!isIdentity(value)) throw new Error(`${path(dir)} is damaged: enrol again`);
  return value;
}

function isIdentity(value: unknown): value is Identity {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return ["url", "agent", "token", "name", "runtime", "origin", "vkey", "recoveryVkey", "settingsKey"].every((field) => typeof fields.get(field) === "string") && typeof fields.get("intervalMs") === "number";
}
