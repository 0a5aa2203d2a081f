import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { compareText } from "@/lib/domain/compare-text";
import { canonicalize } from "@/lib/domain/ledger/canonical-json";

/** What a person saw when deciding about one (service, environment, partition). */
export interface Revision {
  /** What runs, by release; null for what leads to no release. */
  distribution: readonly { release: string | null; version: string | null; targets: number }[];
  /** The assigned release; null for nothing. */
  assigned: { release: string; version: string } | null;
  /** The release that the button would go to; null when none could be offered. */
  target: { release: string; version: string } | null;
  /** Number of ledger entries that concern this service and environment. */
  ledgerSize: number;
  /** The rollouts that are open, and the last that ended. */
  rollouts: readonly { id: string; status: string }[];
  /** Holds, freezes and approval rules in force, as plain names and values. */
  policy: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * A token over a revision, 32 hexadecimal characters: equal exactly when nothing that
 * matters changed. Of the distribution it holds *which* releases run and not how many of each: the numbers move all
 * the time while a rollout runs, and that is when a rollback must not be refused.
 */
export function revisionToken(revision: Revision): string {
  const text = canonicalize({
    distribution: [...new Set(revision.distribution.map(({ release }) => release ?? ""))].sort(compareText),
    assigned: revision.assigned?.release ?? null,
    target: revision.target?.release ?? null,
    ledgerSize: revision.ledgerSize,
    rollouts: revision.rollouts.map(({ id, status }) => `${id} ${status}`).sort(compareText),
    policy: { ...revision.policy },
  });
  return bytesToHex(sha256(utf8ToBytes(`plumbline-revision-v1\n${text}`))).slice(0, 32);
}

function nameOf(side: { version: string } | null): string {
  return side ? side.version : "nothing";
}

/** What changed between two revisions, one sentence each, the most important first. Empty when the tokens agree. */
export function describeChanges(before: Revision, after: Revision): string[] {
  const changes: string[] = [];
  if (before.assigned?.release !== after.assigned?.release) {
    changes.push(`The assigned release is now ${nameOf(after.assigned)} (was ${nameOf(before.assigned)}).`);
  }
  if (before.target?.release !== after.target?.release) {
    changes.push(`The release to go to is now ${nameOf(after.target)} (was ${nameOf(before.target)}).`);
  }
  const statusBefore = new Map(before.rollouts.map(({ id, status }) => [id, status]));
  for (const { id, status } of after.rollouts) {
    const was = statusBefore.get(id);
    if (was === undefined) changes.push(`A rollout was started and is ${status}.`);
    else if (was !== status) changes.push(`A rollout that was ${was} is now ${status}.`);
    statusBefore.delete(id);
  }
  for (const status of statusBefore.values()) changes.push(`A rollout that was ${status} is no longer the latest.`);
  const running = (revision: Revision): Map<string, string> =>
    new Map(revision.distribution.map(({ release, version }) => [release ?? "", version ?? "an unknown release"]));
  const ranBefore = running(before);
  const runsNow = running(after);
  for (const [release, version] of runsNow) if (!ranBefore.has(release)) changes.push(`Some targets now run ${version}.`);
  for (const [release, version] of ranBefore) if (!runsNow.has(release)) changes.push(`No target runs ${version} any more.`);
  const rules = new Set([...Object.keys(before.policy), ...Object.keys(after.policy)]);
  for (const rule of [...rules].sort(compareText)) {
    const was = before.policy[rule] ?? null;
    const is = after.policy[rule] ?? null;
    if (was !== is) changes.push(`The rule "${rule}" is now ${is ?? "not set"} (was ${was ?? "not set"}).`);
  }
  if (before.ledgerSize !== after.ledgerSize && changes.length === 0) {
    changes.push(`${after.ledgerSize - before.ledgerSize} further decisions about this service were recorded.`);
  }
  return changes;
}
