import type { DesiredResponse } from "@/lib/contract/agent";
import type { Assignment } from "@/lib/domain/ledger/entry";
import { signDesired, type DesiredComponent, type DesiredFallback, type DesiredPrefetch, type DesiredTarget } from "@/lib/domain/ledger/desired-state";
import type { App } from "@/server/context";
import { serverSigner } from "@/server/ledger/signing-key";
import { ledgerCache, type CachedEntry } from "./ledger-cache";
import { readFallback, type Fallback } from "./read-fallback";
import { inTurn } from "./telling";
import type { ProjectedPrefetch, ProjectedTarget, Projection } from "./read-projection";

const TTL_MS = 5 * 60_000;

export type DesiredQuestion = {
  agentId: string;
  nonce: string;
  /** The tree size that the agent has seen; 0 for none. */
  seen: number;
};

/**
 * The signed document of one agent, built from the bytes of ledger entries. A row of the database that does not say what
 * its entry says is left out, and logged: it is not what was decided.
 * @returns null as long as no signed checkpoint covers what the document names
 */
export async function buildDesired(app: App, projection: Projection, question: DesiredQuestion): Promise<DesiredResponse | null> {
  const cache = ledgerCache(app);
  const fallbacks = new Map(await Promise.all(projection.targets.map(async (target) => [target.key, await readFallback(app, target)] as const)));
  const named = [...[...projection.targets, ...projection.prefetch].map(({ entry }) => entry), ...[...fallbacks.values()].flatMap((fallback) => fallback?.entry ?? [])];
  const indexes = [...new Set(named)].sort((a, b) => a - b);
  const checkpoint = await cache.checkpoint(Math.max(1, question.seen, (indexes.at(-1) ?? -1) + 1));
  if (!checkpoint) return null;
  const entries = await cache.entries(indexes);
  const held = await readHeldComponents(app, question.agentId, [...projection.targets, ...projection.prefetch].filter(({ entry }) => (entries.get(entry)?.assignment?.to?.components.length ?? 0) > 1));
  const orLeftOut = <T>(row: ProjectedTarget | ProjectedPrefetch, told: T | null): T[] => {
    if (!told) app.log.error({ target: row.key, entry: row.entry, agent: question.agentId }, "A desired row does not say what its ledger entry says; it is not sent");
    return told ? [told] : [];
  };
  const targets = projection.targets.flatMap((target) => orLeftOut(target, describeTarget(target, entries, fallbacks.get(target.key) ?? null, held.get(target.key))));
  const prefetch = projection.prefetch.flatMap((target) => orLeftOut(target, describePrefetch(target, entries, held.get(target.key))));
  const used = [...new Set([...targets.flatMap((target) => [target.entry, ...(target.fallback ? [target.fallback.entry] : [])]), ...prefetch.map(({ entry }) => entry)])].sort((a, b) => a - b);
  const proofs = await cache.inclusion(used, checkpoint.size);
  // What they all waited for, a checkpoint above all, is there for all of them at once.
  await inTurn();
  const signed = signDesired(
    {
      v: 1,
      origin: app.keys.origin,
      epoch: checkpoint.epoch,
      agent: question.agentId,
      version: projection.version,
      nonce: question.nonce,
      issuedAt: new Date().toISOString(),
      ttlMs: TTL_MS,
      checkpoint: checkpoint.note,
      entries: used.map((index) => ({ index, bytes: entries.get(index)?.bytes ?? "", proof: proofs.get(index) ?? [] })),
      targets,
      prefetch,
      recalled: projection.recalled,
    },
    serverSigner(app.keys),
  );
  const grows = question.seen > 0 && question.seen < checkpoint.size;
  return { ...signed, consistency: grows ? { from: question.seen, to: checkpoint.size, proof: await cache.consistency(question.seen, checkpoint.size) } : null };
}

/** Which components the copies of these targets count for, by the target's key: a host is told only of those that it has. */
async function readHeldComponents(app: App, agentId: string, targets: readonly { key: string }[]): Promise<Map<string, string[]>> {
  if (targets.length === 0) return new Map();
  const rows = await app.db.$queryRaw<{ key: string; components: string[] }[]>`
    SELECT t.key, array_agg(DISTINCT c.component::text) AS components
    FROM agent_scopes s JOIN targets t ON t.agent_scope_id = s.id AND t.gone_at IS NULL
    JOIN instances i ON i.target_id = t.id JOIN combinations c ON c.id = i.combination_id AND c.service_id = t.service_id
    WHERE s.agent_id = ${agentId}::uuid AND t.key = ANY(${targets.map(({ key }) => key)}::text[]) GROUP BY t.key`;
  return new Map(rows.map((row) => [row.key, row.components]));
}

/** What an agent is told about a target: the entry's own words. Null when the row says something else. */
function describeTarget(target: ProjectedTarget, entries: ReadonlyMap<number, CachedEntry>, fallback: Fallback | null, held?: readonly string[]): DesiredTarget | null {
  const assignment = assignmentHere(target, entries.get(target.entry), target.releaseId);
  if (!assignment) return null;
  const { repository, components } = describeBytes(assignment, held);
  return {
    target: target.key,
    service: assignment.service,
    environment: assignment.environment,
    partition: assignment.partition,
    entry: target.entry,
    repository,
    components,
    stop: components.length === 0,
    generation: target.generation,
    rollout: target.rolloutId,
    fallback: fallback && describeFallback(target, entries, fallback),
  };
}

/** What an agent may fetch ahead: the entry's own words. Null when the row says something else. */
function describePrefetch(target: ProjectedPrefetch, entries: ReadonlyMap<number, CachedEntry>, held?: readonly string[]): DesiredPrefetch | null {
  const assignment = assignmentHere(target, entries.get(target.entry), target.releaseId);
  const bytes = assignment && describeBytes(assignment, held);
  if (!bytes || bytes.repository === null) return null;
  const { service, environment, partition } = assignment;
  return { target: target.key, service, environment, partition, entry: target.entry, repository: bytes.repository, components: bytes.components, rollout: target.rolloutId };
}

/** The components that a host has of those that are assigned, or all when none is known, and where their bytes are. */
function describeBytes(assignment: Assignment, held: readonly string[] = []): { repository: string | null; components: DesiredComponent[] } {
  const assigned = assignment.to?.components ?? [];
  const here = assigned.filter(({ name }) => held.includes(name));
  const wanted = here.length > 0 ? here : assigned;
  const main = wanted.find(({ name }) => name === "main") ?? wanted[0];
  return { repository: main?.repository ?? null, components: wanted.map(({ name, digests }) => ({ name, digests })) };
}

function describeFallback(target: ProjectedTarget, entries: ReadonlyMap<number, CachedEntry>, fallback: Fallback): DesiredFallback | null {
  const assignment = assignmentHere(target, entries.get(fallback.entry), fallback.releaseId);
  const components = assignment?.to?.components.map(({ name, digests }) => ({ name, digests })) ?? [];
  return components.length > 0 ? { entry: fallback.entry, components } : null;
}

function assignmentHere(target: ProjectedTarget | ProjectedPrefetch, entry: CachedEntry | undefined, releaseId: string | null): Assignment | null {
  const assignment = entry?.assignment;
  const here = assignment && (assignment.service === target.service || ("otherNames" in target && target.otherNames.includes(assignment.service))) && assignment.environment === target.environment && assignment.partition === target.partition;
  return here && (assignment.to?.release ?? null) === releaseId ? assignment : null;
}
