import type { z } from "zod";
import type { DoctorDto, doctorQuery } from "@/lib/contract/doctor";
import { severityOf } from "@/lib/domain/drift/categories";
import { adviseFinding } from "@/lib/domain/drift/advise-finding";
import { isAmiss } from "@/lib/domain/drift/explain-combination";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { diagnoseCombinations } from "./diagnose-combinations";
import { loadFindings } from "./load-findings";
import { readNothingSeen } from "./read-nothing-seen";
import { readEnvironments } from "./read-references";

type Query = z.output<typeof doctorQuery>;

const MOST_CASES = 50;
const MOST_FINDINGS = 50;

/**
 * Why a service looks the way it does: for every set of facts that is seen of it, what was reported, by what it became
 * this service's, where its digests lead, what is assigned, and what follows, in the order in which it was judged. Where
 * nothing is seen: why. Only reads.
 */
export async function readDoctor({ ctx, input, now = new Date() }: { ctx: Ctx; input: Query; now?: Date }): Promise<DoctorDto> {
  authorise(ctx, "findings.read", { service: input.service, ...(input.environment !== undefined && { environment: input.environment }) });
  const { db } = ctx;
  const [known] = await db.$queryRaw<{ id: string; name: string }[]>`
    SELECT id::text, name::text FROM services WHERE name = ${input.service} OR id = (SELECT service_id FROM service_aliases WHERE name = ${input.service}) LIMIT 1`;
  const service = known?.name ?? input.service;
  // An alias may lead to a service that the actor may not see.
  authorise(ctx, "findings.read", { service, ...(input.environment !== undefined && { environment: input.environment }) });
  const every = (await readEnvironments(db)).filter((environment) => visibleTo(ctx, "findings.read", { service, environment: environment.name }));
  const chosen = input.environment === undefined ? every : every.filter(({ name }) => name === input.environment);
  const { cases, more, seenIn } = await diagnoseCombinations(db, { service, environments: every, chosen, most: MOST_CASES });
  const findings = await readOtherFindings(ctx, { service, environmentIds: chosen.map(({ id }) => id) });
  const reasons = cases.length > 0 ? [] : await readNothingSeen(ctx, { service, adopted: known !== undefined, environment: input.environment ?? null, environments: every, seenIn });
  const amiss = cases.filter(({ well }) => !well);
  const wrong = findings.filter(({ waived }) => !waived);
  const well = cases.length > 0 && more === 0 && amiss.length === 0 && wrong.length === 0;
  return {
    asOf: now.toISOString(),
    service,
    environment: input.environment ?? null,
    adopted: known !== undefined,
    well,
    summary: summarise({ service, environment: input.environment ?? null, cases, wrong: wrong.length }),
    cases,
    more,
    findings,
    reasons,
  };
}

/** What is open here and about no single set of facts: the combinations' own categories are told with them. */
async function readOtherFindings(ctx: Ctx, { service, environmentIds }: { service: string; environmentIds: readonly string[] }): Promise<DoctorDto["findings"]> {
  const rows = await ctx.db.$queryRaw<{ id: string }[]>`
    SELECT f.id::text FROM findings f WHERE f.resolved_at IS NULL AND f.service_name = ${service} AND f.environment_id = ANY(${environmentIds}::uuid[]) AND f.image_id IS NULL
    UNION ALL
    SELECT f.id::text FROM findings f
    WHERE f.resolved_at IS NULL AND f.kind IN ('silent', 'ledger-refused', 'clock-skew', 'duplicate-agent') AND f.agent_scope_id IN (
      SELECT k.agent_scope_id FROM combinations c JOIN combination_counts k ON k.combination_id = c.id WHERE c.service_name = ${service} AND c.environment_id = ANY(${environmentIds}::uuid[]))
    LIMIT ${MOST_FINDINGS}`;
  const findings = await loadFindings(ctx.db, rows.map(({ id }) => id));
  return findings.map((finding) => ({
    kind: finding.kind,
    severity: severityOf(finding.kind),
    sentence: finding.sentence,
    advice: adviseFinding(finding.kind, { service, environment: finding.environment ?? "", runningVersion: finding.running?.version ?? null, assignedVersion: finding.assigned?.version ?? null, runningService: null }),
    waived: finding.waiver !== null,
    environment: finding.environment,
    instances: finding.count,
    subject: finding.target ? `${finding.target.key} on ${finding.target.agent}` : finding.agent,
  }));
}

function summarise({ service, environment, cases, wrong }: { service: string; environment: string | null; cases: DoctorDto["cases"]; wrong: number }): string {
  const where = environment === null ? "" : ` in ${environment}`;
  if (cases.length === 0) return `Nothing is seen of ${service}${where}.`;
  const instances = cases.reduce((sum, one) => sum + one.instances, 0);
  const ill = cases.filter(({ verdicts }) => verdicts.some(({ kind, waived }) => !waived && isAmiss(kind)));
  const amiss = ill.reduce((sum, one) => sum + one.instances, 0);
  const silent = cases.reduce((sum, one) => sum + one.silent, 0);
  const parts = [
    ...(amiss > 0 ? [`${amiss} of ${instances} ${instances === 1 ? "instance" : "instances"} of ${service}${where} ${amiss === 1 ? "is" : "are"} not as decided`] : []),
    ...(silent > 0 ? [`${silent} ${silent === 1 ? "is" : "are"} silent`] : []),
    ...(wrong > 0 ? [`${wrong} more ${wrong === 1 ? "finding is" : "findings are"} open`] : []),
  ];
  return parts.length === 0 ? `All is well: ${instances} ${instances === 1 ? "instance" : "instances"} of ${service}${where} ${instances === 1 ? "runs" : "run"} what is assigned.` : `${parts.join("; ")}.`;
}
