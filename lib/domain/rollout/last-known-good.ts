/** What was observed of one release in one (service, environment, partition), whoever deployed it. */
export interface ReleaseRecord {
  releaseId: string;
  version: string;
  registeredSeq: number;
  /** The largest share of the targets, 0 to 1, that ran it at the same time. */
  share: number;
  /** How long (ms) it ran on that share. */
  ranForMs: number;
  /** Share of its copies, 0 to 1, that were unhealthy. */
  unhealthyShare: number;
  restartsGrowing: boolean;
  approved: boolean;
  /** It is approved only because it ran here and was adopted: nobody looked at it. */
  adopted: boolean;
  recalled: boolean;
  /** Whether somebody ever decided that it should run here; else it only turned up. */
  assignedHere: boolean;
  /** Whether a rollback left it. */
  rolledBackFrom: boolean;
  /** Whether an approver said that this rollback was a mistake. */
  clearedByMistake: boolean;
  /** When a target here last ran it (epoch ms). */
  lastRanUntil: number;
}

/** What has to be seen of a release before it is known to be good; decided per environment, with its strategy. */
export interface LastKnownGoodPolicy {
  /** Share of the targets, 0 to 1, that must have run it. */
  minShare: number;
  /** How long (ms) nine of ten of those must have run it. */
  minRanForMs: number;
  /** Share of its copies' time, 0 to 1, that they may have been unhealthy. */
  maxUnhealthyShare: number;
}

export const DEFAULT_LKG_POLICY: LastKnownGoodPolicy = {
  minShare: 0.9,
  minRanForMs: 30 * 60_000,
  maxUnhealthyShare: 0.05,
};

export const EVIDENCE_CHECKS = [
  "approved",
  "not-recalled",
  "ran-on-enough",
  "ran-long-enough",
  "healthy",
  "restarts-steady",
  "not-rolled-back",
] as const;
export type EvidenceCheck = (typeof EVIDENCE_CHECKS)[number];

export interface Evidence {
  check: EvidenceCheck;
  ok: boolean;
  /** What was seen, in words. */
  detail: string;
  /** Without it the release cannot be chosen at all; the others only make the evidence weak. */
  required: boolean;
  /** The moment (epoch ms) that it is about. */
  at: number;
}

export interface LastKnownGood {
  release: { id: string; version: string } | null;
  /** What speaks for and against it; a failing check comes first. */
  evidence: Evidence[];
  /** It did not prove itself, but is the best there is. */
  weak: boolean;
  /** The checks that it fails. */
  missing: EvidenceCheck[];
}

function percent(share: number): string {
  return `${Math.floor(share * 1000) / 10} %`;
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : `${Math.floor(ms / 60_000)} min`;
}

/** Weighs one release. */
function weigh(record: ReleaseRecord, policy: LastKnownGoodPolicy): Evidence[] {
  const at = record.lastRanUntil;
  const leftByRollback = record.rolledBackFrom && !record.clearedByMistake;
  const evidence: Evidence[] = [
    {
      check: "approved",
      ok: record.approved,
      detail: record.adopted ? "adopted here as it ran, no evidence" : record.approved ? "approved here" : "not approved here",
      required: true,
      at,
    },
    {
      check: "not-recalled",
      ok: !record.recalled,
      detail: record.recalled ? "recalled" : "not recalled",
      required: true,
      at,
    },
    {
      check: "ran-on-enough",
      ok: record.share >= policy.minShare,
      detail: `ran on ${percent(record.share)} of the targets, ${percent(policy.minShare)} wanted`,
      required: false,
      at,
    },
    {
      check: "ran-long-enough",
      ok: record.ranForMs >= policy.minRanForMs,
      detail: `ran for ${minutes(record.ranForMs)}, ${minutes(policy.minRanForMs)} wanted`,
      required: false,
      at,
    },
    {
      check: "healthy",
      ok: record.unhealthyShare <= policy.maxUnhealthyShare,
      detail: `${percent(record.unhealthyShare)} of its copies were unhealthy`,
      required: false,
      at,
    },
    {
      check: "restarts-steady",
      ok: !record.restartsGrowing,
      detail: record.restartsGrowing ? "its restarts were growing" : "no growing restarts",
      required: false,
      at,
    },
    {
      check: "not-rolled-back",
      ok: !leftByRollback,
      detail: leftByRollback
        ? "a rollback left it"
        : record.rolledBackFrom
          ? "a rollback left it, cleared as a mistake"
          : "no rollback left it",
      required: false,
      at,
    },
  ];
  return evidence.sort((a, b) => Number(a.ok) - Number(b.ok));
}

/**
 * Whether going there is going back. A newer release is where one came from when a rollback left it, and a promotion when
 * nobody decided on it here yet: a copy that turned up for a while decides nothing.
 */
function leadsBack(record: ReleaseRecord, current: { registeredSeq: number } | null): boolean {
  if (current === null || record.registeredSeq < current.registeredSeq) return true;
  return record.assignedHere && (!record.rolledBackFrom || record.clearedByMistake);
}

/**
 * Chooses the last known good: walking history back from what ran most recently, the first release other than the
 * current one that passes every check. When none does, the best candidate is offered as weak evidence, with what is
 * missing; one that is recalled or not approved is never offered, nor a newer one that a rollback left or nobody promoted.
 * @param input.records one record per release that ever ran here, in any order
 */
export function chooseLastKnownGood(input: {
  records: readonly ReleaseRecord[];
  /** What is assigned. */
  current: { releaseId: string; registeredSeq: number } | null;
  policy: LastKnownGoodPolicy;
}): LastKnownGood {
  const weighed = input.records
    .filter((record) => record.releaseId !== input.current?.releaseId && leadsBack(record, input.current))
    .toSorted((a, b) => b.lastRanUntil - a.lastRanUntil || b.registeredSeq - a.registeredSeq)
    .map((record) => ({ record, evidence: weigh(record, input.policy) }))
    .filter(({ evidence }) => evidence.every(({ ok, required }) => ok || !required));
  const failing = (evidence: readonly Evidence[]): EvidenceCheck[] =>
    evidence.filter(({ ok }) => !ok).map(({ check }) => check);
  // The sort is stable: among equals the most recent stays first.
  const [best] = weighed.toSorted((a, b) => failing(a.evidence).length - failing(b.evidence).length);
  if (!best) return { release: null, evidence: [], weak: true, missing: [] };
  const { evidence, record } = best;
  const missing = failing(evidence);
  return { release: { id: record.releaseId, version: record.version }, evidence, weak: missing.length > 0, missing };
}
