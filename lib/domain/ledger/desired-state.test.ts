import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeUtf8, joinBytes, toBase64 } from "./bytes";
import { signCheckpoint } from "./checkpoint";
import {
  signDesired,
  verifyDesired,
  type ConsistencyProof,
  type DesiredPrefetch,
  type DesiredState,
  type DesiredTarget,
  type DesiredTrust,
  type DesiredVerdict,
  type TargetRefusal,
  type DesiredRefusal,
} from "./desired-state";
import { LedgerFormatError, encodeEntry, type Assignment, type Entry } from "./entry";
import { appendLeaf, assembleProof, leafHash, planConsistency, planInclusion, rootOf, type Hash } from "./merkle";
import { createSigner, encodeVkey, signLine, type Signer } from "./signed-note";

const ORIGIN = "plumbline.example";
const signer = createSigner(ORIGIN, new Uint8Array(32).fill(1));
const thief = createSigner(ORIGIN, new Uint8Array(32).fill(2));
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const REPOSITORY = "registry.example/payments";

function assign(service: string, digests: string[] | null, change: Partial<Assignment> = {}): Assignment {
  const to = digests && { release: "r", version: "v1", components: [{ name: "main", repository: REPOSITORY, digests }] };
  return { kind: "promote", rollout: "r-1", service, environment: "production", partition: "default", from: null, to, hold: null, incident: null, ...change };
}

/** The log of the tests: what each entry says is in its name. */
const entries: Pick<Entry, "type" | "payload">[] = [
  { type: "ledger-opened", payload: {} },
  { type: "assignment-changed", payload: assign("payments", [digest("a"), digest("b")]) },
  { type: "assignment-changed", payload: assign("payments", [digest("c")]) },
  { type: "assignment-changed", payload: assign("payments", null) },
  { type: "assignment-changed", payload: assign("search", [digest("a")]) },
  { type: "release-approved", payload: { release: "r", digests: [digest("a")] } },
  { type: "assignment-changed", payload: assign("payments", [digest("a")], { environment: "staging" }) },
  { type: "reconverge-started", payload: assign("payments", [digest("a")], { partition: "canary" }) },
];
const PAYMENTS_AB = 1;
const PAYMENTS_C = 2;
const PAYMENTS_STOP = 3;
const SEARCH_A = 4;
const APPROVAL = 5;
const STAGING_A = 6;
const CANARY_A = 7;

function openLog(payloads: typeof entries, signedBy: Signer = signer, origin = ORIGIN) {
  const bytes = payloads.map((entry, seq) =>
    encodeEntry({ v: 1, ledger: origin, seq, at: "2026-01-31T12:00:00.000Z", actor: null, scope: { service: null, environment: null }, ...entry }),
  );
  const nodes = new Map<string, Hash>();
  const roots: Hash[] = [];
  let tree: { frontier: Hash[]; size: number } = { frontier: [], size: 0 };
  roots.push(rootOf(tree.frontier, 0));
  for (const each of bytes) {
    const grown = appendLeaf(tree.frontier, tree.size, leafHash(each));
    for (const node of grown.nodes) nodes.set(`${node.level}/${node.index}`, node.hash);
    tree = grown;
    roots.push(rootOf(tree.frontier, tree.size));
  }
  const lookup = (coord: { level: number; index: number }) => nodes.get(`${coord.level}/${coord.index}`);
  const root = (size: number): Hash => roots[size] ?? new Uint8Array();
  return {
    size: bytes.length,
    seen: (size: number) => ({ size, root: toBase64(root(size)) }),
    checkpoint: (size: number) => signCheckpoint({ origin, size, root: root(size) }, [signedBy]),
    entry: (index: number, size: number) => ({
      index,
      bytes: toBase64(bytes[index] ?? new Uint8Array()),
      proof: assembleProof(planInclusion(index, size), lookup).map(toBase64),
    }),
    consistency: (from: number, to: number): ConsistencyProof => ({ from, to, proof: assembleProof(planConsistency(from, to), lookup).map(toBase64) }),
  };
}

const log = openLog(entries);

const target: DesiredTarget = {
  target: "compose/payments",
  service: "payments",
  environment: "production",
  partition: "default",
  entry: PAYMENTS_C,
  repository: REPOSITORY,
  components: [{ name: "main", digests: [digest("c")] }],
  stop: false,
  generation: 4,
  rollout: "r-1",
  fallback: { entry: PAYMENTS_AB, components: [{ name: "main", digests: [digest("b")] }] },
};
const other: DesiredTarget = { ...target, target: "compose/other", fallback: null };

const ahead: DesiredPrefetch = { target: "compose/payments", service: "payments", environment: "production", partition: "default", entry: PAYMENTS_C, repository: REPOSITORY, components: [{ name: "main", digests: [digest("c")] }], rollout: "r-1" };

function stateOf(targets: DesiredTarget[], change: Partial<DesiredState> = {}): DesiredState {
  const named = new Set([...targets.flatMap(({ entry, fallback }) => (fallback ? [entry, fallback.entry] : [entry])), ...(change.prefetch ?? []).map(({ entry }) => entry)]);
  return {
    v: 1,
    origin: ORIGIN,
    epoch: 1,
    agent: "agent-1",
    version: 9,
    nonce: "nonce-1",
    issuedAt: "2026-01-31T12:00:00.000Z",
    ttlMs: 60_000,
    checkpoint: log.checkpoint(log.size),
    entries: [...named].map((index) => log.entry(index, log.size)),
    targets,
    prefetch: [],
    recalled: [],
    ...change,
  };
}

const trust: DesiredTrust = {
  origin: ORIGIN,
  vkey: encodeVkey(signer),
  epoch: 1,
  agentId: "agent-1",
  nonce: "nonce-1",
  lastVersion: 9,
  checkpoint: log.seen(5),
  obeyed: { "compose/payments": PAYMENTS_AB },
};

function ask(state: DesiredState, known: Partial<DesiredTrust> = {}, consistency: ConsistencyProof | null = log.consistency(5, log.size), by: Signer = signer): DesiredVerdict {
  return verifyDesired({ ...signDesired(state, by), consistency, trust: { ...trust, ...known } });
}

function accepted(verdict: DesiredVerdict) {
  if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
  return verdict;
}

describe("accepted", () => {
  it("a whole document, with the checkpoint to keep", () => {
    const state = stateOf([target, other]);
    expect(ask(state)).toEqual({ ok: true, state, checkpoint: log.seen(log.size), refusedTargets: [], refusedFallbacks: [], refusedPrefetch: [], replacing: new Set(), repositories: new Map(state.entries.map(({ index }) => [index, new Map([["main", REPOSITORY]])])) });
  });

  it("several components, and says where the bytes of each are", () => {
    const both = assign("payments", [digest("c")]);
    const to = both.to && { ...both.to, components: [...both.to.components, { name: "proxy", repository: "registry.example/proxy", digests: [digest("e")] }] };
    const again = openLog([...entries, { type: "assignment-changed", payload: { ...both, to } }]);
    const entry = entries.length;
    const components = [...target.components, { name: "proxy", digests: [digest("e")] }];
    const state = { ...stateOf([]), checkpoint: again.checkpoint(again.size), entries: [again.entry(entry, again.size)], targets: [{ ...target, entry, components, fallback: null }] };
    expect(accepted(ask(state, {}, again.consistency(5, again.size))).repositories.get(entry)).toEqual(new Map([["main", REPOSITORY], ["proxy", "registry.example/proxy"]]));
  });

  it("an order to replace, and says which entry gives it", () => {
    const again = openLog([...entries, { type: "replace-started", payload: assign("payments", [digest("c")], { kind: "replace" }) }]);
    const replace = entries.length;
    const state = { ...stateOf([]), checkpoint: again.checkpoint(again.size), entries: [again.entry(PAYMENTS_C, again.size), again.entry(replace, again.size)], targets: [{ ...target, entry: replace, fallback: null }, other] };
    expect(accepted(ask(state, {}, again.consistency(5, again.size))).replacing).toEqual(new Set([replace]));
  });

  it("the same with another implementation of SHA-256, and nothing that it does not prove", () => {
    const answer = { ...signDesired(stateOf([target]), signer), consistency: log.consistency(5, log.size), trust };
    const platform = (bytes: Uint8Array): Hash => Uint8Array.from(createHash("sha256").update(bytes).digest());
    expect(verifyDesired({ ...answer, sha256: platform })).toEqual(verifyDesired(answer));
    expect(verifyDesired({ ...answer, sha256: () => new Uint8Array(32) })).toMatchObject({ ok: false, reason: "inconsistent-checkpoint" });
    expect(verifyDesired({ ...answer, trust: { ...trust, checkpoint: null }, consistency: null, sha256: () => new Uint8Array(32) })).toMatchObject({ ok: false, reason: "bad-proof" });
  });

  it("the same version again, and the same checkpoint without a proof", () => {
    expect(ask(stateOf([target], { version: 9 }), { checkpoint: log.seen(log.size) }, null).ok).toBe(true);
    expect(ask(stateOf([target], { version: 10 })).ok).toBe(true);
  });

  it("the first document of an agent that has seen no checkpoint", () => {
    expect(ask(stateOf([target]), { checkpoint: null, lastVersion: 0, obeyed: {} }, null).ok).toBe(true);
  });

  it("an agent without targets", () => {
    expect(accepted(ask(stateOf([]))).state.targets).toEqual([]);
  });

  it("a stop where nothing is assigned", () => {
    const stopped: DesiredTarget = { ...target, entry: PAYMENTS_STOP, components: [], stop: true, repository: null, fallback: null };
    expect(accepted(ask(stateOf([stopped]))).refusedTargets).toEqual([]);
  });

  it("a reconverge, at the entry that was obeyed before", () => {
    const canary: DesiredTarget = { ...target, partition: "canary", entry: CANARY_A, components: [{ name: "main", digests: [digest("a")] }], fallback: null };
    expect(accepted(ask(stateOf([canary]), { obeyed: { "compose/payments": CANARY_A } })).refusedTargets).toEqual([]);
  });

  it("what a later wave will need, beside what its target runs now", () => {
    const runs: DesiredTarget = { ...target, entry: PAYMENTS_AB, components: [{ name: "main", digests: [digest("a")] }], fallback: null };
    const verdict = accepted(ask(stateOf([runs], { prefetch: [ahead] })));
    expect([verdict.state.targets, verdict.state.prefetch, verdict.refusedPrefetch]).toEqual([[runs], [ahead], []]);
  });

  it("a document that tells nothing ahead", () => {
    const { document } = signDesired(stateOf([target]), signer);
    const without = document.replace('"prefetch":[],', "");
    expect(without).not.toBe(document);
    const signature = signLine(joinBytes(encodeUtf8("plumbline-desired-v1\n"), encodeUtf8(without)), signer);
    expect(accepted(verifyDesired({ document: without, signature, consistency: log.consistency(5, log.size), trust })).state).toMatchObject({ targets: [target], prefetch: [] });
  });

  it("rotation: a line of a key that the agent does not know yet", () => {
    const signed = signDesired(stateOf([target]), signer);
    const both = signDesired(stateOf([target]), thief).signature + signed.signature;
    expect(verifyDesired({ ...signed, signature: both, consistency: log.consistency(5, log.size), trust }).ok).toBe(true);
  });
});

describe("the whole document is refused", () => {
  const state = stateOf([target]);
  const rewritten = openLog(entries.map((entry, seq) => (seq === 2 ? { ...entry, payload: assign("payments", [digest("d")]) } : entry)));
  const foreign = openLog(entries, signer, "other.example");
  const first = log.entry(PAYMENTS_AB, log.size);
  const second = log.entry(PAYMENTS_C, log.size);

  const cases: [string, DesiredRefusal, () => DesiredVerdict][] = [
    ["signed by another key of the same name", "bad-signature", () => ask(state, {}, null, thief)],
    ["signed by another name", "bad-signature", () => ask(state, {}, null, createSigner("other", new Uint8Array(32).fill(1)))],
    ["trusted by a broken key", "bad-signature", () => ask(state, { vkey: "nonsense" })],
    ["of another log", "wrong-origin", () => ask({ ...state, origin: "other.example" })],
    ["for another agent", "wrong-agent", () => ask({ ...state, agent: "agent-2" })],
    ["recorded earlier", "stale-nonce", () => ask({ ...state, nonce: "nonce-0" })],
    ["of an earlier epoch", "lower-epoch", () => ask(state, { epoch: 2 })],
    ["of a later epoch", "higher-epoch-unsigned", () => ask({ ...state, epoch: 2 })],
    ["of an earlier version", "lower-version", () => ask({ ...state, version: 8 })],
    ["with a checkpoint that is none", "bad-checkpoint", () => ask({ ...state, checkpoint: "latest\n" })],
    ["with a checkpoint of another key", "bad-checkpoint", () => ask({ ...state, checkpoint: openLog(entries, thief).checkpoint(log.size) })],
    ["with a checkpoint of another log", "bad-checkpoint", () => ask({ ...state, checkpoint: foreign.checkpoint(log.size) })],
    ["after a restored dump", "inconsistent-checkpoint", () => ask({ ...state, checkpoint: log.checkpoint(4) }, {}, log.consistency(4, 5))],
    ["without a consistency proof", "inconsistent-checkpoint", () => ask(state, {}, null)],
    ["with the proof of other sizes", "inconsistent-checkpoint", () => ask(state, {}, log.consistency(4, log.size))],
    ["with a proof that is not base64", "inconsistent-checkpoint", () => ask(state, {}, { from: 5, to: log.size, proof: ["?"] })],
    ["with a rewritten history", "inconsistent-checkpoint", () => ask({ ...state, checkpoint: rewritten.checkpoint(8) }, {}, rewritten.consistency(5, 8))],
    ["with a history forked at the same size", "inconsistent-checkpoint", () => ask({ ...state, checkpoint: rewritten.checkpoint(8) }, { checkpoint: log.seen(8) }, null)],
    ["when the agent's own state is broken", "inconsistent-checkpoint", () => ask(state, { checkpoint: { size: 5, root: "?" } })],
    ["with an entry that is not in the log", "bad-proof", () => ask({ ...state, entries: [first, { ...rewritten.entry(2, 8), proof: second.proof }] })],
    ["with the proof of another entry", "bad-proof", () => ask({ ...state, entries: [first, { ...second, proof: first.proof }] })],
    ["with an entry under another index", "bad-proof", () => ask({ ...state, entries: [{ ...second, index: 1 }, { ...first, index: 2 }] })],
    ["with an entry beyond the checkpoint", "bad-proof", () => ask({ ...state, entries: [first, second, { ...second, index: 99 }] })],
    ["without the entry that a target names", "bad-proof", () => ask({ ...state, entries: [first] })],
    ["without the entry that a fallback names", "bad-proof", () => ask({ ...state, entries: [second] })],
    ["without the entry that a prefetch names", "bad-proof", () => ask({ ...stateOf([]), prefetch: [ahead] })],
  ];
  it.each(cases)("%s: %s", (_, reason, verdict) => {
    expect(verdict()).toMatchObject({ ok: false, reason });
  });

  it("when any character of it is changed", () => {
    const signed = signDesired(state, signer);
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 6 }), fc.boolean(), (pick, bit, inDocument) => {
        const text = inDocument ? signed.document : signed.signature;
        const at = pick % text.length;
        const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);
        const answer = inDocument ? { ...signed, document: changed } : { ...signed, signature: changed };
        expect(verifyDesired({ ...answer, consistency: log.consistency(5, log.size), trust })).toMatchObject({ ok: false, reason: "bad-signature" });
      }),
    );
  });

  const sign = (document: string): DesiredVerdict => {
    const signature = signLine(joinBytes(encodeUtf8("plumbline-desired-v1\n"), encodeUtf8(document)), signer);
    return verifyDesired({ document, signature, consistency: log.consistency(5, log.size), trust });
  };
  const { document } = signDesired(state, signer);
  it.each([
    ["nothing", ""],
    ["a text", '"text"'],
    ["white space", document.replace(",", ", ")],
    ["an unknown member", document.replace('"v":1', '"v":1,"x":1')],
    ["another v", document.replace('"v":1', '"v":2')],
    ["no validity", document.replace('"ttlMs":60000', '"ttlMs":0')],
    ["a stop with components", document.replace('"stop":false', '"stop":true')],
    ["a digest of another algorithm", document.replace(digest("c"), "md5:00")],
    ["a component without digests", document.replace(`["${digest("c")}"]`, "[]")],
    ["a lone surrogate", document.replace("agent-1", "agent\ud800")],
  ])("signed, but malformed: %s", (_, changed) => {
    expect(changed).not.toBe(document);
    expect(sign(changed)).toMatchObject({ ok: false, reason: "malformed" });
  });

  it("signed without the prefix", () => {
    const signature = signLine(encodeUtf8(document), signer);
    expect(verifyDesired({ document, signature, consistency: null, trust })).toMatchObject({ ok: false, reason: "bad-signature" });
  });

  it("is not even signed when it is malformed", () => {
    expect(() => signDesired(stateOf([target, target]), signer)).toThrow(LedgerFormatError);
    expect(() => signDesired({ ...state, entries: [first, first] }, signer)).toThrow(LedgerFormatError);
    expect(() => signDesired(stateOf([{ ...target, stop: true }]), signer)).toThrow(LedgerFormatError);
    expect(() => signDesired(stateOf([{ ...target, fallback: { entry: 1, components: [] } }]), signer)).toThrow(LedgerFormatError);
    for (const prefetch of [[ahead, ahead], [{ ...ahead, components: [] }], [{ ...ahead, components: [{ name: "main", digests: [] }] }]]) expect(() => signDesired(stateOf([], { prefetch }), signer)).toThrow(LedgerFormatError);
  });
});

describe("one target is refused", () => {
  const main = (letter: string) => [{ name: "main", digests: [digest(letter)] }];
  const cases: [string, TargetRefusal, Partial<DesiredTarget>, Partial<DesiredState>, Partial<DesiredTrust>][] = [
    ["below the entry that it obeyed", "older-entry", {}, {}, { obeyed: { "compose/payments": PAYMENTS_STOP } }],
    ["for the entry of another service", "wrong-service", { entry: SEARCH_A, components: main("a") }, {}, {}],
    ["for the entry of another environment", "wrong-service", { entry: STAGING_A, components: main("a") }, {}, {}],
    ["for the entry of another partition", "wrong-service", { entry: CANARY_A, components: main("a") }, {}, {}],
    ["for a digest of another entry", "digest-not-in-entry", { components: main("a") }, {}, {}],
    ["for one digest too many", "digest-not-in-entry", { components: [{ name: "main", digests: [digest("c"), digest("d")] }] }, {}, {}],
    ["for a component that the entry lacks", "digest-not-in-entry", { components: [{ name: "proxy", digests: [digest("c")] }] }, {}, {}],
    ["for an entry that assigns nothing at all", "digest-not-in-entry", { entry: APPROVAL, components: main("a") }, {}, {}],
    ["for a digest where the entry says stop", "digest-not-in-entry", { entry: PAYMENTS_STOP }, {}, {}],
    ["for a stop where the entry assigns", "digest-not-in-entry", { components: [], stop: true, repository: null }, {}, {}],
    ["for another repository", "repository-not-in-entry", { repository: "evil.example/payments" }, {}, {}],
    ["for a recalled digest", "recalled-digest", {}, { recalled: [digest("c")] }, {}],
    ["for an alias of a recalled digest", "recalled-digest", { entry: PAYMENTS_AB, components: main("a"), fallback: null }, { recalled: [digest("b")] }, {}],
  ];
  it.each(cases)("%s: %s", (_, reason, change, stateChange, known) => {
    const valid: DesiredTarget = { ...target, target: "compose/valid", entry: CANARY_A, partition: "canary", components: [{ name: "main", digests: [digest("a")] }], fallback: null };
    const isRecall = stateChange.recalled !== undefined;
    const verdict = accepted(ask(stateOf(isRecall ? [{ ...target, ...change }] : [{ ...target, ...change }, valid], stateChange), known));
    expect(verdict.refusedTargets).toMatchObject([{ target: "compose/payments", reason }]);
    expect(verdict.state.targets).toEqual(isRecall ? [] : [valid]);
  });

  it.each<[string, TargetRefusal, DesiredTarget["fallback"], string[]]>([
    ["of another service", "wrong-service", { entry: SEARCH_A, components: main("a") }, []],
    ["of a digest that the entry lacks", "digest-not-in-entry", { entry: PAYMENTS_AB, components: main("c") }, []],
    ["of a recalled digest", "recalled-digest", { entry: PAYMENTS_AB, components: main("b") }, [digest("b")]],
  ])("only its fallback: %s", (_, reason, fallback, recalled) => {
    const verdict = accepted(ask(stateOf([{ ...target, fallback }], { recalled })));
    expect(verdict.refusedTargets).toEqual([]);
    expect(verdict.refusedFallbacks).toMatchObject([{ target: "compose/payments", reason }]);
    expect(verdict.state.targets).toEqual([{ ...target, fallback: null }]);
  });

  it.each<[string, TargetRefusal, Partial<DesiredPrefetch>, string[]]>([
    ["below the entry that its target obeyed", "older-entry", { entry: PAYMENTS_AB, components: main("a") }, []],
    ["of another service", "wrong-service", { entry: SEARCH_A, components: main("a") }, []],
    ["of a digest that the entry lacks", "digest-not-in-entry", { components: main("a") }, []],
    ["of another repository", "repository-not-in-entry", { repository: "evil.example/payments" }, []],
    ["of a recalled digest", "recalled-digest", {}, [digest("c")]],
  ])("only what would be fetched ahead: %s", (_, reason, change, recalled) => {
    const valid: DesiredTarget = { ...target, entry: CANARY_A, partition: "canary", components: main("a"), fallback: null };
    const other: DesiredPrefetch = { ...ahead, target: "compose/other", entry: CANARY_A, partition: "canary", components: main("a") };
    const verdict = accepted(ask(stateOf([valid], { prefetch: [{ ...ahead, ...change }, other], recalled }), { obeyed: { "compose/payments": PAYMENTS_C } }));
    expect(verdict.refusedPrefetch).toMatchObject([{ target: "compose/payments", reason }]);
    expect([verdict.state.targets, verdict.state.prefetch, verdict.refusedTargets]).toEqual([[valid], [other], []]);
  });

  it("whatever it is called", () => {
    const verdict = accepted(ask(stateOf([{ ...target, target: "constructor" }]), { obeyed: {} }));
    expect(verdict.refusedTargets).toEqual([]);
  });
});
