import type { z } from "zod";
import type { MappingPreview, previewMappingRequest } from "@/lib/contract/mapping";
import { listMatching } from "@/lib/domain/fleet/map-facts";
import { checkRuleSet, SET_FIELDS, type MappingRuleSet } from "@/lib/domain/fleet/mapping-rules";
import { authorise } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { readLedgerNames, type LedgerNames } from "@/server/inventory/mapping-rules";
import { isMoved, isTargetMoved } from "./apply-remap";
import { planRemap, type Piece, type RemapPlan } from "./plan-remap";
import { readRuleSet } from "./read-rule-set";
import { listRefusals } from "./refuse-remap";

const MOST_CHANGES = 200;
const MOST_OVERLAPS = 5;

type Change = MappingPreview["changes"][number];

/** What a set of rules would do to the fleet as it is now. Nothing is changed. */
export async function previewMapping({ ctx, input }: { ctx: Ctx; input: z.output<typeof previewMappingRequest> }): Promise<MappingPreview> {
  // It shows the whole fleet: only whoever may change the mapping of all of it looks.
  authorise(ctx, "mapping.write");
  const { version } = await readRuleSet(ctx.db);
  const problems = checkRuleSet(input.set);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    const none = { before: 0, after: 0 };
    return { version, problems: problems.slice(0, 100), instances: 0, targets: 0, moved: { instances: 0, targets: 0 }, ignored: none, unmapped: none, changes: [], changesInAll: 0, rules: [], refused: ["Something is wrong with the rules themselves."] };
  }
  const names = await readLedgerNames(ctx.db, input.set);
  const plan = await planRemap(ctx.db, names);
  const { pieces, targets } = plan;
  const sum = (of: readonly Piece[]): number => of.reduce((total, { instances }) => total + instances, 0);
  const moved = pieces.filter(isMoved);
  const movedGroups = new Set([...moved, ...targets.filter(isTargetMoved)].map(({ group }) => group));
  const changes = groupChanges(moved, plan);
  return {
    version,
    problems: problems.slice(0, 100),
    instances: sum(pieces),
    targets: targets.reduce((total, { group }) => total + group.ids.length, 0),
    moved: { instances: sum(moved), targets: [...movedGroups].reduce((total, { ids }) => total + ids.length, 0) },
    ignored: { before: sum(pieces.filter(({ from }) => from.ignored_by !== null)), after: sum(pieces.filter(({ to }) => to.ignoredBy !== null)) },
    unmapped: {
      before: sum(pieces.filter(({ from }) => from.service_name === null && from.ignored_by === null)),
      after: sum(pieces.filter(({ to }) => to.serviceName === null && to.ignoredBy === null)),
    },
    changes: changes.slice(0, MOST_CHANGES),
    changesInAll: changes.length,
    rules: countRules(input.set, pieces, names),
    refused: await listRefusals(ctx.db, plan),
  };
}

/** Instances that go from one place to the same other one are one line. */
function groupChanges(moved: readonly Piece[], { environments }: RemapPlan): Change[] {
  const lines = new Map<string, Change & { groups: Set<Piece["group"]> }>();
  for (const { group, from, to, instances } of moved) {
    const before = { service: from.service_name, registered: from.service_id !== null, environment: environments.get(from.environment_id) ?? "", partition: from.partition, component: from.component, ignoredBy: from.ignored_by };
    const after = { service: to.serviceName, registered: to.serviceId !== null, environment: environments.get(to.environmentId) ?? "", partition: to.partition, component: to.component, ignoredBy: to.ignoredBy };
    const rule = SET_FIELDS.map((field) => to.because[field].rule).find((name) => name !== null) ?? null;
    const key = JSON.stringify([before, after, rule]);
    const line = lines.get(key) ?? { from: before, to: after, instances: 0, targets: 0, sample: group.sample, rule, groups: new Set() };
    line.instances += instances;
    if (!line.groups.has(group)) line.targets += group.ids.length;
    line.groups.add(group);
    lines.set(key, line);
  }
  return [...lines.values()].map(({ groups: _groups, ...line }) => line).sort((a, b) => b.instances - a.instances || (a.sample < b.sample ? -1 : 1));
}

/** What each rule matches, how much of that it decides, and which earlier ones decide the rest. */
function countRules({ rules }: MappingRuleSet, pieces: readonly Piece[], { decided }: LedgerNames): MappingPreview["rules"] {
  const counts = new Map(rules.map(({ name }) => [name, { name, matches: 0, decides: 0, overlaps: new Set<string>() }]));
  for (const { facts, to, instances } of pieces) {
    const deciding = new Set(SET_FIELDS.flatMap((field) => to.because[field].rule ?? []));
    const matching = listMatching(facts, decided);
    for (const { name } of matching) {
      const count = counts.get(name);
      if (!count) continue;
      count.matches += instances;
      if (deciding.has(name)) count.decides += instances;
      else for (const earlier of matching) if (deciding.has(earlier.name) && earlier.name !== name && count.overlaps.size < MOST_OVERLAPS) count.overlaps.add(earlier.name);
    }
  }
  return [...counts.values()].map(({ overlaps, ...count }) => ({ ...count, overlaps: [...overlaps] }));
}
