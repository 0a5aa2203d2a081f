import { createHash } from "node:crypto";
import { readFile, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "@/lib/domain/ledger/checkpoint";
import { parseVkey } from "@/lib/domain/ledger/signed-note";
import type { EnrolRequest } from "@/lib/contract/agent";
import { seenCheckpoint } from "./desired-watch";
import { loadHeldState, saveHeldState } from "./desired-store";
import type { HeldState } from "./desired-store";
import { forgetGenerations } from "./execution-store";
import { loadIdentity, saveIdentity } from "./identity";
import type { Identity } from "./identity";
import { SPOKEN } from "./reporter";
import { ensureStateDir } from "./state-files";
import { fieldOf, keyFingerprint, openTransport, sentenceOf } from "./transport";

export interface EnrollInput {
  url: string;
  /** The enrolment token; may end in `.<fingerprint>` of the server's verification key. */
  token: string;
  stateDir: string;
  agentVersion: string;
  runtime: Identity["runtime"];
  name?: string;
  ca?: string;
  fingerprint?: string;
  region?: string;
  intervalMs?: number;
}

/** Makes this host an agent: exchanges the enrolment token, checks the server's key, and keeps identity and first checkpoint. */
export async function enrollAgent(input: EnrollInput): Promise<Identity> {
  const { stateDir } = input;
  await ensureStateDir(stateDir);
  const before = await loadIdentity(stateDir);
  if (before) throw new Error(`this host is enrolled already: ${before.name} at ${before.url}; \`plumbline agent leave\` comes first`);
  const { identity, held } = await exchangeToken(input);
  await saveHeldState(stateDir, held);
  await saveIdentity(stateDir, identity);
  return identity;
}

/**
 * Makes this host an agent once more, after the server retired the one that it was: at the same server, by the same key.
 * What it has seen of the ledger and obeyed of it is kept.
 */
export async function enrollAgain({ stateDir, token, agentVersion }: Pick<EnrollInput, "stateDir" | "token" | "agentVersion">): Promise<Identity> {
  const before = await loadIdentity(stateDir);
  if (!before) throw new Error(`no agent is enrolled in ${stateDir}`);
  const { url, runtime, name, ca, region, intervalMs, vkey } = before;
  const { identity } = await exchangeToken({ url, token, stateDir, agentVersion, runtime, name, ca, region, intervalMs, fingerprint: keyFingerprint(vkey) });
  await saveHeldState(stateDir, { ...(await loadHeldState(stateDir)), version: 0 });
  await forgetGenerations(stateDir);
  await saveIdentity(stateDir, identity);
  return identity;
}

async function exchangeToken(input: EnrollInput): Promise<{ identity: Identity; held: HeldState }> {
  const transport = openTransport({ url: input.url, ca: input.ca });
  try {
    // Simulated hosts share the machine that simulates them.
    const machineId = input.runtime === "simulated" ? null : await readMachineId();
    const request: EnrolRequest = {
      v: 1,
      token: input.token,
      name: input.name ?? hostname(),
      runtime: input.runtime,
      agentVersion: input.agentVersion,
      ...(machineId ? { machineId } : {}),
      ...(input.region ? { region: input.region } : {}),
      ...(input.intervalMs ? { intervalMs: input.intervalMs } : {}),
    };
    const answer = await transport.post("/api/agent/v1/enroll", Buffer.from(JSON.stringify(request)));
    if (answer.status < 200 || answer.status > 299) throw new Error(`the server refused the enrolment: ${sentenceOf(answer)}`);
    const identity = readEnrolment(answer.body, input);
    checkKey(identity.vkey, input);
    const checkpoint = openCheckpoint(String(fieldOf(answer.body, "checkpoint")), [parseVkey(identity.vkey)], identity.origin);
    return { identity, held: { epoch: Number(fieldOf(answer.body, "epoch")), version: 0, checkpoint: seenCheckpoint(checkpoint) } };
  } finally {
    transport.close();
  }
}

/** How long a host that is being shut down waits for an answer to its good-bye. */
const GOODBYE_MS = 3_000;

/** Says good-bye to the server and forgets everything; `force` forgets also when the server does not answer soon. */
export async function leaveFleet(stateDir: string, force: boolean, reason: string): Promise<void> {
  const identity = await loadIdentity(stateDir);
  if (!identity) throw new Error(`no agent is enrolled in ${stateDir}`);
  const transport = openTransport(identity);
  try {
    const answer = await transport.post("/api/agent/v1/leave", Buffer.from(JSON.stringify({ v: 1, reason })), ...(force ? [GOODBYE_MS] : []));
    const left = (answer.status >= 200 && answer.status <= 299) || answer.status === 401 || answer.status === 404;
    if (!left && !force) throw new Error(`the server refused: ${sentenceOf(answer)} (--force leaves all the same)`);
  } catch (error) {
    if (!force) throw error;
  } finally {
    transport.close();
  }
  for (const name of await readdir(stateDir)) {
    if (["identity.json", "desired.json", "events.ndjson", "agent.pid", "last-told", "executions"].includes(name)) await rm(join(stateDir, name), { recursive: true, force: true });
  }
}

function readEnrolment(body: unknown, input: EnrollInput): Identity {
  const text = (field: string): string => {
    const value = fieldOf(body, field);
    if (typeof value !== "string" || value === "") throw new Error(`the server's answer has no ${field}: is ${input.url} a Plumbline server?`);
    return value;
  };
  const accepts = fieldOf(body, "accepts");
  const [min, max] = [fieldOf(accepts, "min"), fieldOf(accepts, "max")];
  if (typeof min === "number" && typeof max === "number" && (min > SPOKEN.max || max < SPOKEN.min)) throw new Error(`the server speaks protocol ${min} to ${max}, this agent ${SPOKEN.min} to ${SPOKEN.max}`);
  const environments = fieldOf(body, "environments");
  const intervalMs = fieldOf(body, "intervalMs");
  return {
    url: input.url,
    agent: text("agent"),
    token: text("token"),
    name: input.name ?? hostname(),
    runtime: input.runtime,
    origin: text("origin"),
    vkey: text("vkey"),
    recoveryVkey: text("recoveryVkey"),
    settingsKey: text("settingsKey"),
    intervalMs: typeof intervalMs === "number" && intervalMs > 0 ? intervalMs : 15_000,
    ...(fieldOf(body, "ephemeral") === true ? { ephemeral: true } : {}),
    environments: Array.isArray(environments) ? environments.filter((one): one is string => typeof one === "string") : [],
    ...(input.region ? { region: input.region } : {}),
    ...(input.ca ? { ca: input.ca } : {}),
  };
}

/** The enrolment line and the token may name the server's key; another server is refused. */
function checkKey(vkey: string, { token, fingerprint }: EnrollInput): void {
  const actual = keyFingerprint(vkey);
  const inToken = /\.([0-9a-f]{16,64})$/.exec(token)?.[1];
  for (const expected of [fingerprint?.toLowerCase().replace(/^sha256:/, "").replaceAll(":", ""), inToken]) {
    if (expected !== undefined && (expected.length < 16 || !actual.startsWith(expected))) throw new Error(`another server's key: expected ${expected}, got ${actual}`);
  }
}

/** A hash of the machine's id: enough to notice two agents on one machine, nothing that identifies it elsewhere. */
async function readMachineId(): Promise<string | null> {
  try {
    const id = (await readFile("/etc/machine-id", "utf8")).trim();
    return id === "" ? null : createHash("sha256").update(`plumbline-machine\n${id}`).digest("hex");
  } catch {
    // Not every system has one.
    return null;
  }
}
