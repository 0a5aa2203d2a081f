import { compileGlob } from "@/lib/domain/access/glob";
import { isName, NAME_PATTERN, sanitizeName } from "@/lib/domain/fleet/names";
import { canonicalize, type JsonObject } from "@/lib/domain/ledger/canonical-json";
import { nameFromRepository, normalizeRepository } from "@/lib/domain/fleet/repository";

/** What a rule may look at besides labels. `container` and what follows is the container's own, the others its target's. */
export const TARGET_FIELDS = ["target", "namespace", "agent", "pool"] as const;
export const CONTAINER_FIELDS = ["container", "repository", "image"] as const;
export const MATCH_FIELDS = [...TARGET_FIELDS, ...CONTAINER_FIELDS] as const;
export type MatchField = (typeof MATCH_FIELDS)[number];

/** What a rule may decide. */
export const SET_FIELDS = ["service", "environment", "partition", "component"] as const;
export type SetField = (typeof SET_FIELDS)[number];

/** All that is named must match; `*` stands for any characters, also none. */
export type MappingMatch = { readonly [field in MatchField]?: string | undefined } & { readonly labels?: Readonly<Record<string, string>> | undefined };

export interface MappingRule {
  name: string;
  match: MappingMatch;
  /** Why nobody judges what matches. A rule ignores, or sets something. */
  ignore?: string | undefined;
  /** Names, in which `{label:app}`, `{namespace}`, `{repository.last}` and so on stand for what was found. */
  set?: { readonly [field in SetField]?: string | undefined } | undefined;
}

/** The rules in order, and names that mean another service. */
export interface MappingRuleSet {
  rules: readonly MappingRule[];
  aliases: Readonly<Record<string, string>>;
}

export const EMPTY_RULE_SET: MappingRuleSet = { rules: [], aliases: {} };

/** Bounds of a set: every container of the fleet is held against every rule. */
export const MOST_RULES = 500;
export const MOST_ALIASES = 1_000;
const MOST_STARS = 8;

/** What rules are held against. Repositories are in their full form. */
export interface RuleFacts {
  container: string;
  labels: Readonly<Record<string, string>>;
  repositories: readonly string[];
  /** The reference that the image was started from; null where the runtime does not say. */
  image: string | null;
  target: string;
  namespace: string | null;
  agent: string;
  pool: string;
}

export interface CompiledRule {
  name: string;
  /** Why it ignores what matches; null for a rule that sets something. */
  ignore: string | null;
  /** Whether it looks at the container itself, not only at the target that it shares with others. */
  looksInside: boolean;
  /** The fields that it may set. */
  sets: ReadonlySet<SetField>;
  matches: (facts: RuleFacts) => boolean;
  /** What it makes of a field; null when it does not set it, or what it wants to repeat is not there. */
  valueOf: (field: SetField, facts: RuleFacts) => string | null;
}

export interface CompiledRuleSet {
  rules: readonly CompiledRule[];
  /** The service that a name means: its alias, or itself. */
  aliasOf: (name: string) => string;
  /** What the rules look at: only this much of a target has to be read to map it. */
  uses: { labels: readonly string[]; fields: ReadonlySet<MatchField> };
}

const CAPTURE = /\{([^{}]*)\}/g;
const LABEL_CAPTURE = "label:";
const PLAIN_CAPTURES = ["namespace", "container", "target", "agent", "pool", "repository.last"] as const;

/** Takes a set apart once, to be held against many containers. The set is one that `checkRuleSet` finds no error in. */
export function compileRuleSet({ rules, aliases }: MappingRuleSet): CompiledRuleSet {
  const labels = new Set<string>();
  const fields = new Set<MatchField>();
  for (const rule of rules) {
    for (const label of Object.keys(rule.match.labels ?? {})) labels.add(label);
    for (const field of MATCH_FIELDS) if (rule.match[field] !== undefined) fields.add(field);
    for (const capture of Object.values(rule.set ?? {}).flatMap((template) => capturesOf(template ?? ""))) {
      if (capture.startsWith(LABEL_CAPTURE)) labels.add(capture.slice(LABEL_CAPTURE.length));
      else fields.add(capture === "repository.last" ? "repository" : (capture as MatchField));
    }
  }
  const known = new Map(Object.entries(aliases));
  return { rules: rules.map(compileRule), aliasOf: (name) => follow(known, name), uses: { labels: [...labels].sort(), fields } };
}

/** Follows aliases to their end; in a loop, which no checked set has, to the name itself. */
function follow(aliases: ReadonlyMap<string, string>, name: string): string {
  const seen = new Set([name]);
  let at = name;
  for (let next = aliases.get(at); next !== undefined; next = aliases.get(at)) {
    if (seen.has(next)) return name;
    seen.add(next);
    at = next;
  }
  return at;
}

function compileRule({ name, match, ignore, set }: MappingRule): CompiledRule {
  const tests: ((facts: RuleFacts) => boolean)[] = [];
  for (const field of ["container", "target", "agent", "pool"] as const) {
    const pattern = match[field];
    if (pattern === undefined) continue;
    const test = compileGlob(pattern);
    tests.push((facts) => test(facts[field]));
  }
  for (const field of ["namespace", "image"] as const) {
    const pattern = match[field];
    if (pattern === undefined) continue;
    const test = compileGlob(pattern);
    tests.push((facts) => facts[field] !== null && test(facts[field]));
  }
  for (const [label, pattern] of Object.entries(match.labels ?? {})) {
    const test = compileGlob(pattern);
    tests.push(({ labels }) => Object.hasOwn(labels, label) && test(labels[label] ?? ""));
  }
  const ofRepository = match.repository === undefined ? null : compileGlob(repositoryPattern(match.repository));
  if (ofRepository) tests.push(({ repositories }) => repositories.some(ofRepository));
  return {
    name,
    ignore: ignore ?? null,
    looksInside: CONTAINER_FIELDS.some((field) => match[field] !== undefined),
    sets: new Set(SET_FIELDS.filter((field) => set?.[field] !== undefined)),
    matches: (facts) => tests.every((test) => test(facts)),
    valueOf: (field, facts) => {
      const template = set?.[field];
      return template === undefined ? null : fill(template, facts, ofRepository);
    },
  };
}

/** A repository without a wildcard may be written as people write it: `nginx`. */
function repositoryPattern(pattern: string): string {
  return pattern.includes("*") ? pattern.toLowerCase() : normalizeRepository(pattern);
}

function capturesOf(template: string): string[] {
  return [...template.matchAll(CAPTURE)].map(([, capture = ""]) => capture);
}

function fill(template: string, facts: RuleFacts, ofRepository: ((repository: string) => boolean) | null): string | null {
  let whole = true;
  const text = template.replace(CAPTURE, (_, capture: string) => {
    const found = sanitizeName(captured(capture, facts, ofRepository));
    if (found === null) whole = false;
    return found ?? "";
  });
  return whole ? sanitizeName(text) : null;
}

function captured(capture: string, facts: RuleFacts, ofRepository: ((repository: string) => boolean) | null): string | null {
  if (capture.startsWith(LABEL_CAPTURE)) {
    const label = capture.slice(LABEL_CAPTURE.length);
    return Object.hasOwn(facts.labels, label) ? (facts.labels[label] ?? null) : null;
  }
  switch (capture) {
    case "namespace":
    case "container":
    case "target":
    case "agent":
    case "pool":
      return facts[capture];
    case "repository.last": {
      // Sorted, because a runtime lists the names of one image in no order that means anything.
      const named = facts.repositories.toSorted();
      const repository = ofRepository ? named.find(ofRepository) : named[0];
      return repository === undefined ? null : nameFromRepository(repository);
    }
    default:
      return null;
  }
}

/** What is wrong with a set (`error`: it is not taken) or looks like a mistake (`warning`), and where, in words. */
export interface RuleProblem {
  severity: "error" | "warning";
  path: string;
  message: string;
}

/**
 * Everything that can be said of a set by itself: errors first, each with the place it stands at. What rules match of a
 * fleet is said by a preview.
 */
export function checkRuleSet(set: MappingRuleSet): RuleProblem[] {
  const { rules } = set;
  const problems: RuleProblem[] = [];
  if (rules.length > MOST_RULES) problems.push(error("rules", `has ${rules.length} rules; at most ${MOST_RULES} are held against every container`));
  problems.push(...checkNames(rules), ...rules.slice(0, MOST_RULES).flatMap((rule, at) => checkRule(rule, `rules[${at}]`)), ...checkAliases(set));
  if (problems.length === 0) problems.push(...findCovered(rules));
  return problems.sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
}

function error(path: string, message: string): RuleProblem {
  return { severity: "error", path, message };
}

function checkNames(rules: readonly MappingRule[]): RuleProblem[] {
  const first = new Map<string, number>();
  return rules.flatMap(({ name }, at) => {
    const before = first.get(name);
    first.set(name, before ?? at);
    return before === undefined ? [] : [error(`rules[${at}].name`, `is the name of rules[${before}] too; what a rule did is told by its name`)];
  });
}

function checkRule({ match, ignore, set }: MappingRule, path: string): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const patterns: [string, string][] = [
    ...MATCH_FIELDS.flatMap((field): [string, string][] => (match[field] === undefined ? [] : [[field, match[field]]])),
    ...Object.entries(match.labels ?? {}).map(([label, pattern]): [string, string] => [`labels.${label}`, pattern]),
  ];
  if (patterns.length === 0) problems.push(error(`${path}.match`, 'names nothing, and would match everything; say "container": "*" if that is meant'));
  for (const [field, pattern] of patterns) {
    if (pattern === "") problems.push(error(`${path}.match.${field}`, 'is empty; "*" stands for any text'));
    if (pattern.split("*").length - 1 > MOST_STARS) problems.push(error(`${path}.match.${field}`, `has more than ${MOST_STARS} wildcards`));
  }
  const sets = SET_FIELDS.flatMap((field) => (set?.[field] === undefined ? [] : [[field, set[field]] as const]));
  if (ignore !== undefined && sets.length > 0) problems.push(error(path, "ignores what matches and says whose it is; it can do one of both"));
  if (ignore === undefined && sets.length === 0) problems.push(error(path, "decides nothing: give it ignore with a reason, or set with a service, environment, partition or component"));
  for (const [field, template] of sets) {
    const wrong = checkTemplate(template);
    if (wrong !== null) problems.push(error(`${path}.set.${field}`, wrong));
  }
  return problems;
}

function checkTemplate(template: string): string | null {
  const captures = capturesOf(template);
  for (const capture of captures) {
    const isLabel = capture.startsWith(LABEL_CAPTURE) && capture.length > LABEL_CAPTURE.length;
    if (!isLabel && !PLAIN_CAPTURES.some((known) => known === capture)) return `repeats {${capture}}, which is nothing that is known; {label:NAME}, ${PLAIN_CAPTURES.map((known) => `{${known}}`).join(", ")} are`;
  }
  const rest = template.replace(CAPTURE, captures.length > 0 ? "a" : "");
  if (/[{}]/.test(rest)) return "has a brace that is not closed, or closes nothing";
  return isName(rest) ? null : `must be a name as ${NAME_PATTERN.source} allows`;
}

function checkAliases({ aliases }: MappingRuleSet): RuleProblem[] {
  const known = new Map(Object.entries(aliases));
  const problems: RuleProblem[] = [];
  if (known.size > MOST_ALIASES) problems.push(error("aliases", `has ${known.size} names; at most ${MOST_ALIASES} are kept`));
  for (const [alias, service] of known) {
    if (!isName(alias)) problems.push(error(`aliases.${alias}`, "is not a name that anything can have"));
    if (!isName(service)) problems.push(error(`aliases.${alias}`, `means ${JSON.stringify(service)}, which is not a name`));
    const way = [alias];
    for (let next = known.get(alias); next !== undefined && way.length <= MOST_ALIASES; next = known.get(next)) {
      way.push(next);
      if (next === alias) {
        problems.push(error(`aliases.${alias}`, `leads back to itself: ${way.join(" → ")}`));
        break;
      }
      // A loop that this name only leads into is told at the names that are in it.
      if (way.indexOf(next) < way.length - 1) break;
    }
  }
  return problems;
}

/** Rules that can never decide anything, because an earlier one takes all that they match. */
function findCovered(rules: readonly MappingRule[]): RuleProblem[] {
  return rules.flatMap((rule, at): RuleProblem[] => {
    const fields = decidedBy(rule);
    const taken = new Map<string, number>();
    for (const [before, earlier] of rules.slice(0, at).entries()) {
      if (!covers(earlier.match, rule.match)) continue;
      for (const field of takenBy(earlier)) taken.set(field, taken.get(field) ?? before);
    }
    if (!fields.every((field) => taken.has(field))) return [];
    const by = [...new Set(fields.map((field) => taken.get(field) ?? 0))].sort((a, b) => a - b).map((place) => `rules[${place}] (${rules[place]?.name ?? ""})`);
    return [{ severity: "warning", path: `rules[${at}]`, message: `never decides anything: all that it matches is decided before by ${by.join(" and ")}` }];
  });
}

/** Ignoring is one answer to whose a container is. */
function decidedBy({ ignore, set }: MappingRule): SetField[] {
  return ignore === undefined ? SET_FIELDS.filter((field) => set?.[field] !== undefined) : ["service"];
}

/** The fields that are settled for certain once this rule matches. */
function takenBy({ ignore, match, set }: MappingRule): readonly SetField[] {
  if (ignore !== undefined) return SET_FIELDS;
  // An environment counts only within the agent's pool, a repeated part only where it is there; and a rule that looks at the
  // target alone does not speak for every container in it.
  const inside = CONTAINER_FIELDS.some((field) => match[field] !== undefined);
  return SET_FIELDS.filter((field) => field !== "environment" && set?.[field] !== undefined && capturesOf(set[field]).length === 0 && (inside || field === "partition"));
}

function covers(wide: MappingMatch, narrow: MappingMatch): boolean {
  // Read as a text, the stars of the narrow pattern can only be swallowed by stars of the wide one.
  const patternCovers = (a: string | undefined, b: string | undefined): boolean => a === undefined || (b !== undefined && compileGlob(a)(b));
  return (
    MATCH_FIELDS.every((field) => (field === "repository" ? patternCovers(orNot(wide.repository), orNot(narrow.repository)) : patternCovers(wide[field], narrow[field]))) &&
    Object.entries(wide.labels ?? {}).every(([label, pattern]) => patternCovers(pattern, narrow.labels?.[label]))
  );
}

function orNot(pattern: string | undefined): string | undefined {
  return pattern === undefined ? undefined : repositoryPattern(pattern);
}

/** How one set differs from another that stands instead, in words; at most ten lines. */
export function listRuleChanges(sent: MappingRuleSet, stands: MappingRuleSet): string[] {
  const text = (rule: MappingRule | undefined): string => (rule === undefined ? "" : canonicalize(JSON.parse(JSON.stringify(rule)) as JsonObject));
  const before = new Map(sent.rules.map((rule) => [rule.name, rule]));
  const after = new Map(stands.rules.map((rule) => [rule.name, rule]));
  const changes = [
    ...stands.rules.flatMap(({ name }) => (before.has(name) ? (text(before.get(name)) === text(after.get(name)) ? [] : [`The rule ${name} reads otherwise.`]) : [`The rule ${name} is there, and not in yours.`])),
    ...sent.rules.flatMap(({ name }) => (after.has(name) ? [] : [`The rule ${name} is not there.`])),
    ...Object.entries(stands.aliases).flatMap(([alias, service]) => (sent.aliases[alias] === service ? [] : [`${alias} means ${service}.`])),
    ...Object.keys(sent.aliases).flatMap((alias) => (Object.hasOwn(stands.aliases, alias) ? [] : [`${alias} means no other service.`])),
  ];
  if (changes.length === 0 && sent.rules.some(({ name }, at) => name !== stands.rules[at]?.name)) changes.push("The rules stand in another order.");
  return changes.length > 10 ? [...changes.slice(0, 9), `And ${changes.length - 9} more differences.`] : changes;
}
