/** How many names are offered. */
const MOST_SIMILAR = 5;
/** How many environments are named: previews are many. */
const MOST_ELSEWHERE = 5;

/** How many letters have to be changed, added, left out or swapped with their neighbour to get from one name to the other. */
export function distanceBetween(a: string, b: string): number {
  let before: number[] = [];
  let last: number[] = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let row = 1; row <= a.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min((last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + same);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) least = Math.min(least, (before[column - 2] ?? 0) + 1);
      next.push(least);
    }
    before = last;
    last = next;
  }
  return last[b.length] ?? 0;
}

/** The names that somebody may have meant: those that hold the asked one or are held by it, and those a slip or two away; nearest first. */
export function findSimilar(asked: string, names: Iterable<string>): string[] {
  const allowed = asked.length <= 4 ? 1 : asked.length <= 8 ? 2 : 3;
  const found: { name: string; rank: number }[] = [];
  for (const name of new Set(names)) {
    if (name === asked) continue;
    const holds = asked.length >= 3 && name.length >= 3 && (name.includes(asked) || asked.includes(name));
    // The length alone is a lower bound, and spares most names the count.
    const distance = Math.abs(name.length - asked.length) > allowed ? Infinity : distanceBetween(asked, name);
    if (distance <= allowed) found.push({ name, rank: distance });
    else if (holds) found.push({ name, rank: allowed + 1 });
  }
  return found.sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1)).slice(0, MOST_SIMILAR).map(({ name }) => name);
}

export interface NothingSeen {
  service: string;
  environment: string | null;
  /** Whether the ledger has the service. */
  adopted: boolean;
  environmentKnown: boolean;
  similarServices: readonly string[];
  similarEnvironments: readonly string[];
  /** Other environments where instances of it are seen; previews, when none was asked for. */
  elsewhere: readonly string[];
  /** Agents of pools that may report the environment (of all, when none was asked for). */
  agents: { live: number; silent: readonly string[] };
  /** Containers whose labels or repository hold the name, and what they count as. */
  holding: readonly { target: string; agent: string; service: string | null; environment: string; because: string }[];
}

/** Why nothing of a service is seen, the likeliest reason first; never empty. */
export function explainNothingSeen(facts: NothingSeen): string[] {
  const where = facts.environment === null ? "" : ` in ${facts.environment}`;
  const reasons: string[] = [];
  if (!facts.environmentKnown && facts.environment !== null) {
    reasons.push(`There is no environment ${facts.environment}.${facts.similarEnvironments.length > 0 ? ` Similar: ${facts.similarEnvironments.join(", ")}.` : ""}`);
  }
  if (!facts.adopted && facts.elsewhere.length === 0) {
    reasons.push(`No service ${facts.service} is in the ledger, and nothing that runs is called that.${facts.similarServices.length > 0 ? ` Similar: ${facts.similarServices.join(", ")}.` : ""}`);
  }
  if (facts.elsewhere.length > 0) {
    const names = `${facts.elsewhere.slice(0, MOST_ELSEWHERE).join(", ")}${facts.elsewhere.length > MOST_ELSEWHERE ? `, and ${facts.elsewhere.length - MOST_ELSEWHERE} more` : ""}`;
    reasons.push(facts.environment === null ? `Instances of ${facts.service} are seen in previews only (${names}): ask for one of them.` : `Instances of ${facts.service} are seen in ${names}, not${where}.`);
  }
  for (const { target, agent, service, environment, because } of facts.holding) {
    reasons.push(`${target} on ${agent} has the name in ${because}, but counts as ${service ?? "no service"} in ${environment}.`);
  }
  const { live, silent } = facts.agents;
  if (facts.environmentKnown || facts.environment === null) {
    if (live === 0 && silent.length === 0) reasons.push(facts.environment === null ? "No agent reports." : `No agent reports environment ${facts.environment}: enrol one into a pool that may.`);
    if (silent.length > 0) reasons.push(`${silent.length === 1 ? `The agent ${silent[0]} is silent` : `${silent.length} agents are silent (${silent.slice(0, 3).join(", ")}${silent.length > 3 ? ", …" : ""})`}: what runs there is unknown.`);
    if (live > 0 && reasons.length === 0) reasons.push(`${live === 1 ? "1 agent reports" : `${live} agents report`}${where}, and none of them sees an instance of ${facts.service}.`);
  }
  return reasons;
}
