/**
 * What an agent is told to run, signed, and the reasons for which it refuses. A document is worth nothing by itself: every
 * target names a ledger entry, the entry's bytes and proof travel along, and the digests must be the ones in those bytes.
 */
import { DIGEST_PATTERN } from "../fleet/digests";
import { encodeUtf8, fromBase64, joinBytes, toBase64 } from "./bytes";
import { CanonicalJsonError, canonicalize, parseCanonical } from "./canonical-json";
import { CheckpointError, openCheckpoint, type Checkpoint } from "./checkpoint";
import { LedgerFormatError, parseEnvelope, readAssignment, type Assignment } from "./entry";
import { leafHash, verifyConsistency, verifyInclusion, type Hash, type Sha256 } from "./merkle";
import { arrayOf, objectOf, oneOf, orNull, readBase64, readCount, readText, refuse, textMatching, type Reader } from "./shape";
import { SignedNoteError, parseVkey, signLine, verifyLines, type Signer, type Verifier, type VerifyEd25519 } from "./signed-note";

/** Signed before the document, so that no signature of it is one of a checkpoint (a note ends in a newline, this never does). */
const PREFIX = encodeUtf8("plumbline-desired-v1\n");

/** A component by name, with digests of its artifact that the entry lists: all aliases that a runtime may know it by. */
export type DesiredComponent = { name: string; digests: string[] };

/** The last known good release: what `plumbline agent fallback` returns to without a server. */
export type DesiredFallback = { entry: number; components: DesiredComponent[] };

export type DesiredTarget = {
  /** The target's key at the agent. */
  target: string;
  service: string;
  environment: string;
  partition: string;
  /** Index of the ledger entry that assigns this. */
  entry: number;
  /** Where to pull from; the entry names it. null when the target stops. */
  repository: string | null;
  /** Empty when nothing is assigned; then `stop` is true. */
  components: DesiredComponent[];
  stop: boolean;
  /** The agent acts once for each generation above the last that it started. */
  generation: number;
  rollout: string | null;
  fallback: DesiredFallback | null;
};

/**
 * What a target will be told to run when its wave opens. The agent may fetch it ahead and does nothing else with it; it is
 * checked as a target is.
 */
export type DesiredPrefetch = {
  target: string;
  service: string;
  environment: string;
  partition: string;
  entry: number;
  repository: string;
  components: DesiredComponent[];
  rollout: string;
};

/** An entry that a target, prefetch or fallback names: `bytes` in base64, `proof` its inclusion in `checkpoint`, base64 hashes. */
export type DesiredEntry = { index: number; bytes: string; proof: string[] };

export type DesiredState = {
  v: 1;
  /** Which log. */
  origin: string;
  epoch: number;
  agent: string;
  /** Counter on the agent's row, raised whenever one of its targets changes. */
  version: number;
  /** The agent's own, of the request that this answers. */
  nonce: string;
  /** For people; validity is `ttlMs` from receipt on the agent's monotonic clock. */
  issuedAt: string;
  ttlMs: number;
  /** The signed note. */
  checkpoint: string;
  entries: DesiredEntry[];
  targets: DesiredTarget[];
  prefetch: DesiredPrefetch[];
  /** Digests that may not run anywhere. */
  recalled: string[];
};

/** Why the whole document is refused. The agent keeps what runs and reports it. */
export const DESIRED_REFUSALS = [
  "malformed",
  "bad-signature",
  "wrong-origin",
  "wrong-agent",
  "stale-nonce",
  "lower-epoch",
  "higher-epoch-unsigned",
  "lower-version",
  "bad-checkpoint",
  "inconsistent-checkpoint",
  "bad-proof",
] as const;
/** Why one target (or its fallback) is refused while the others stay valid: one wrong row must not keep a fleet from its rollback. */
export const TARGET_REFUSALS = ["older-entry", "wrong-service", "digest-not-in-entry", "repository-not-in-entry", "recalled-digest"] as const;

export type TargetRefusal = (typeof TARGET_REFUSALS)[number];
/** Every name under which a refusal is reported. */
export type DesiredRefusal = (typeof DESIRED_REFUSALS)[number] | TargetRefusal;

export type RefusedTarget = { target: string; reason: TargetRefusal; detail: string };

/** The largest checkpoint that an agent has seen, as its state file keeps it; `root` in base64. */
export type SeenCheckpoint = { size: number; root: string };

/** What the agent knows by itself. */
export type DesiredTrust = {
  origin: string;
  vkey: string;
  epoch: number;
  agentId: string;
  /** Of the request that is being answered. */
  nonce: string;
  lastVersion: number;
  checkpoint: SeenCheckpoint | null;
  /** For each target the highest entry index that it obeyed. */
  obeyed: Readonly<Record<string, number>>;
};

/** A consistency proof between two tree sizes, base64 hashes. */
export type ConsistencyProof = { from: number; to: number; proof: string[] };

export type DesiredVerdict =
  | {
      ok: true;
      /** With the accepted targets only, and without the fallbacks that are refused: what is in here may be acted on. */
      state: DesiredState;
      /** To keep, and to send with the next request. */
      checkpoint: SeenCheckpoint;
      refusedTargets: RefusedTarget[];
      /** Their targets are valid, but have no fallback. */
      refusedFallbacks: RefusedTarget[];
      /** What may not be fetched ahead. */
      refusedPrefetch: (RefusedTarget & { rollout: string })[];
      /** Indexes of the entries that want new copies even of the right bytes. */
      replacing: ReadonlySet<number>;
      /** Where each component's bytes are, by the index of the entry that says so and the component's name. */
      repositories: ReadonlyMap<number, ReadonlyMap<string, string>>;
    }
  | { ok: false; reason: DesiredRefusal; detail: string };

const readDigest = textMatching(DIGEST_PATTERN, "a digest");
const readComponents = arrayOf(objectOf({ name: readText, digests: arrayOf(readDigest) }));

/** Texts that are base64, as was found: entries and proofs that the documents of many agents share are looked through once. */
const knownBase64 = new Set<string>();
const MOST_KNOWN = 500;
const LONGEST_KNOWN = 8_192;

/** Checked as base64, kept as text: bytes have one spelling only. */
const readBase64Text: Reader<string> = (value, path) => {
  if (typeof value === "string" && knownBase64.has(value)) return value;
  readBase64(value, path);
  const text = String(value);
  if (text.length <= LONGEST_KNOWN) {
    if (knownBase64.size >= MOST_KNOWN) knownBase64.clear();
    knownBase64.add(text);
  }
  return text;
};

const readTarget = objectOf({
  target: readText,
  service: readText,
  environment: readText,
  partition: readText,
  entry: readCount,
  repository: orNull(readText),
  components: readComponents,
  stop: oneOf([true, false]),
  generation: readCount,
  rollout: orNull(readText),
  fallback: orNull(objectOf({ entry: readCount, components: readComponents })),
});

const readPrefetch = arrayOf(
  objectOf({ target: readText, service: readText, environment: readText, partition: readText, entry: readCount, repository: readText, components: readComponents, rollout: readText }),
);

const readState: Reader<DesiredState> = objectOf({
  v: oneOf([1]),
  origin: readText,
  epoch: readCount,
  agent: readText,
  version: readCount,
  nonce: readText,
  issuedAt: readText,
  ttlMs: readCount,
  checkpoint: readText,
  entries: arrayOf(objectOf({ index: readCount, bytes: readBase64Text, proof: arrayOf(readBase64Text) })),
  targets: arrayOf(readTarget),
  // A server that tells nothing ahead leaves it out.
  prefetch: (value, path) => (value === undefined ? [] : readPrefetch(value, path)),
  recalled: arrayOf(readDigest),
});

/** Signs a document: its canonical text, and one signature line over prefix and text. Throws LedgerFormatError for a state that agents would call malformed. */
export function signDesired(state: DesiredState, signer: Signer): { document: string; signature: string } {
  checkShape(readState(state, "desired"));
  const document = canonicalize(state);
  return { document, signature: signLine(joinBytes(PREFIX, encodeUtf8(document)), signer) };
}

/**
 * Decides whether an agent may act on a document. Nothing of it is read before the signature is verified. Pass `verify` and
 * `sha256` to use the platform's own. Never throws for what a server or a network can send.
 */
export function verifyDesired(answer: {
  document: string;
  signature: string;
  /** From the checkpoint in `trust` to the one in the document; null when they are equal or the agent has seen none. */
  consistency: ConsistencyProof | null;
  trust: DesiredTrust;
  verify?: VerifyEd25519;
  sha256?: Sha256;
}): DesiredVerdict {
  try {
    return decide(answer);
  } catch (error) {
    if (error instanceof Refused) return { ok: false, reason: error.reason, detail: error.message };
    throw error;
  }
}

class Refused extends Error {
  constructor(
    readonly reason: DesiredRefusal,
    detail: string,
  ) {
    super(detail);
  }
}

type Answer = Parameters<typeof verifyDesired>[0];

function decide({ document, signature, consistency, trust, verify, sha256 }: Answer): DesiredVerdict {
  const key = during("bad-signature", () => parseVkey(trust.vkey, verify));
  during("bad-signature", () => verifyLines(joinBytes(PREFIX, encodeUtf8(document)), signature, [key]));
  const state = during("malformed", () => checkShape(readState(parseCanonical(document), "desired")));

  demand(state.origin === trust.origin, "wrong-origin", `the document is of ${state.origin}`);
  demand(state.agent === trust.agentId, "wrong-agent", `the document is for ${state.agent}`);
  demand(state.nonce === trust.nonce, "stale-nonce", "the document answers another request");
  demand(state.epoch >= trust.epoch, "lower-epoch", `epoch ${state.epoch}, after ${trust.epoch}`);
  demand(state.epoch === trust.epoch, "higher-epoch-unsigned", `epoch ${state.epoch} without the recovery key's signature`);
  demand(state.version >= trust.lastVersion, "lower-version", `version ${state.version}, after ${trust.lastVersion}`);

  const checkpoint = checkCheckpoint(state, consistency, trust, key, sha256);
  const assignments = readAssignments(state, checkpoint, sha256);
  const recalled = new Set(state.recalled);
  const targets: DesiredTarget[] = [];
  const refusedTargets: RefusedTarget[] = [];
  const refusedFallbacks: RefusedTarget[] = [];
  for (const target of state.targets) {
    const refusal = checkTarget(target, find(assignments, target.entry), recalled, trust.obeyed);
    if (refusal) {
      refusedTargets.push({ target: target.target, ...refusal });
      continue;
    }
    const fallbackRefusal = target.fallback && checkComponents(target, target.fallback.components, find(assignments, target.fallback.entry), recalled);
    if (fallbackRefusal) refusedFallbacks.push({ target: target.target, ...fallbackRefusal });
    targets.push(fallbackRefusal ? { ...target, fallback: null } : target);
  }
  const prefetch: DesiredPrefetch[] = [];
  const refusedPrefetch: (RefusedTarget & { rollout: string })[] = [];
  for (const wanted of state.prefetch) {
    const refusal = checkTarget(wanted, find(assignments, wanted.entry), recalled, trust.obeyed);
    if (refusal) refusedPrefetch.push({ target: wanted.target, rollout: wanted.rollout, ...refusal });
    else prefetch.push(wanted);
  }
  return {
    ok: true,
    state: { ...state, targets, prefetch },
    checkpoint: { size: checkpoint.size, root: toBase64(checkpoint.root) },
    refusedTargets,
    refusedFallbacks,
    refusedPrefetch,
    replacing: new Set([...assignments].flatMap(([index, assignment]) => (assignment?.kind === "replace" ? [index] : []))),
    repositories: new Map([...assignments].map(([index, assignment]) => [index, new Map(assignment?.to?.components.map(({ name, repository }) => [name, repository]))])),
  };
}

/** What the shape alone cannot say; throws LedgerFormatError. */
function checkShape(state: DesiredState): DesiredState {
  if (state.ttlMs === 0) refuse("desired.ttlMs", "an integer from 1");
  if (new Set(state.targets.map(({ target }) => target)).size !== state.targets.length) refuse("desired.targets", "each target once");
  if (new Set(state.entries.map(({ index }) => index)).size !== state.entries.length) refuse("desired.entries", "each entry once");
  if (new Set(state.prefetch.map(({ target }) => target)).size !== state.prefetch.length) refuse("desired.prefetch", "each target once");
  for (const { target, components } of state.prefetch) {
    if (components.length === 0 || components.some(({ digests }) => digests.length === 0)) refuse(`desired.prefetch.${target}`, "a component with a digest");
  }
  for (const { target, stop, components, fallback } of state.targets) {
    if (stop !== (components.length === 0)) refuse(`desired.targets.${target}`, "`stop` exactly when there are no components");
    if (fallback?.components.length === 0) refuse(`desired.targets.${target}.fallback`, "a component");
    for (const component of [...components, ...(fallback?.components ?? [])]) {
      if (component.digests.length === 0) refuse(`desired.targets.${target}.${component.name}`, "a digest");
    }
  }
  return state;
}

/** The document's checkpoint, signed by the log and consistent with the largest that the agent has seen. */
function checkCheckpoint(state: DesiredState, consistency: ConsistencyProof | null, trust: DesiredTrust, key: Verifier, sha256: Sha256 | undefined): Checkpoint {
  const checkpoint = during("bad-checkpoint", () => openCheckpoint(state.checkpoint, [key], trust.origin));
  const seen = trust.checkpoint;
  if (!seen) return checkpoint;

  const seenRoot = fromBase64(seen.root) ?? new Uint8Array();
  const lengths = `${checkpoint.size} entries, after ${seen.size}`;
  demand(checkpoint.size >= seen.size, "inconsistent-checkpoint", `the log went back: ${lengths}`);
  const isSameSize = checkpoint.size === seen.size;
  demand(isSameSize || (consistency?.from === seen.size && consistency.to === checkpoint.size), "inconsistent-checkpoint", `no consistency proof: ${lengths}`);
  const proof = isSameSize ? [] : decodeHashes(consistency?.proof ?? []);
  const isConsistent = proof !== null && verifyConsistency({ from: seen.size, fromRoot: seenRoot, to: checkpoint.size, toRoot: checkpoint.root, proof }, sha256);
  demand(isConsistent, "inconsistent-checkpoint", `the history was rewritten: ${lengths}`);
  return checkpoint;
}

/** Every entry of the document, proven to be in the log. null stands for an entry that assigns nothing. */
function readAssignments(state: DesiredState, checkpoint: Checkpoint, sha256: Sha256 | undefined): Map<number, Assignment | null> {
  const assignments = new Map<number, Assignment | null>();
  for (const { index, bytes: encoded, proof: hashes } of state.entries) {
    const bytes = fromBase64(encoded);
    const proof = decodeHashes(hashes);
    const isProven = bytes && proof && verifyInclusion({ leaf: leafHash(bytes, sha256), index, size: checkpoint.size, root: checkpoint.root, proof }, sha256);
    if (!isProven) throw new Refused("bad-proof", `entry ${index} is not in the log`);
    const entry = during("bad-proof", () => parseEnvelope(bytes));
    demand(entry.seq === index && entry.ledger === checkpoint.origin, "bad-proof", `the log's leaf ${index} says that it is entry ${entry.seq} of ${entry.ledger}`);
    assignments.set(index, during("bad-proof", () => readAssignment(entry)));
  }
  return assignments;
}

/** The assignment in a proven entry. */
function find(assignments: ReadonlyMap<number, Assignment | null>, entry: number): Assignment | null {
  const assignment = assignments.get(entry);
  if (assignment === undefined) throw new Refused("bad-proof", `entry ${entry} is named but not proven`);
  return assignment;
}

type Reason = { reason: TargetRefusal; detail: string };

function checkTarget(target: Pick<DesiredTarget, "target" | "service" | "environment" | "partition" | "entry" | "repository" | "components">, assignment: Assignment | null, recalled: ReadonlySet<string>, obeyed: DesiredTrust["obeyed"]): Reason | null {
  const highest = Object.hasOwn(obeyed, target.target) ? (obeyed[target.target] ?? 0) : 0;
  if (target.entry < highest) return { reason: "older-entry", detail: `entry ${target.entry}, after ${highest}` };
  const refusal = checkComponents(target, target.components, assignment, recalled);
  if (refusal) return refusal;
  const isNamed = target.repository === null || assignment?.to?.components.some(({ repository }) => repository === target.repository);
  return isNamed ? null : { reason: "repository-not-in-entry", detail: `${target.repository} is not in entry ${target.entry}` };
}

/** Whether the entry assigns these components here: the very digests, by component, none of them recalled under any alias. */
function checkComponents(
  target: Pick<DesiredTarget, "service" | "environment" | "partition">,
  components: readonly DesiredComponent[],
  assignment: Assignment | null,
  recalled: ReadonlySet<string>,
): Reason | null {
  if (!assignment) return { reason: "digest-not-in-entry", detail: "the entry assigns nothing" };
  const isHere = assignment.service === target.service && assignment.environment === target.environment && assignment.partition === target.partition;
  if (!isHere) {
    return { reason: "wrong-service", detail: `the entry is about ${assignment.service} in ${assignment.environment}/${assignment.partition}` };
  }
  if (components.length === 0 && assignment.to) return { reason: "digest-not-in-entry", detail: `the entry assigns ${assignment.to.version}, not a stop` };
  for (const component of components) {
    const assigned = assignment.to?.components.find(({ name }) => name === component.name);
    const foreign = component.digests.find((digest) => !assigned?.digests.includes(digest));
    if (!assigned || foreign !== undefined) return { reason: "digest-not-in-entry", detail: `${component.name}: ${foreign ?? "not a component"}` };
    const bad = assigned.digests.find((digest) => recalled.has(digest));
    if (bad !== undefined) return { reason: "recalled-digest", detail: `${component.name}: ${bad}` };
  }
  return null;
}

function decodeHashes(texts: readonly string[]): Hash[] | null {
  const hashes = texts.map(fromBase64);
  return hashes.every((hash) => hash !== null) ? hashes : null;
}

function demand(holds: boolean, reason: DesiredRefusal, detail: string): void {
  if (!holds) throw new Refused(reason, detail);
}

/** Runs a step whose own errors mean this refusal. */
function during<T>(reason: DesiredRefusal, step: () => T): T {
  try {
    return step();
  } catch (error) {
    const isExpected = [CanonicalJsonError, LedgerFormatError, SignedNoteError, CheckpointError].some((kind) => error instanceof kind);
    if (!isExpected || !(error instanceof Error)) throw error;
    throw new Refused(reason, error.message);
  }
}
