import type { z } from "zod";
import type { DoctorDto, doctorQuery } from "@/lib/contract/doctor";
import { severityOf } from "@/lib/domain/drift/categories";
import { adviseFinding } from "@/lib/domain/drift/advise-finding";
import { summariseDoctor } from "@/lib/domain/drift/summarise-doctor";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { waiverSql } from "@/server/policies/waiver-sql";
import { diagnoseCombinations } from "./diagnose-combinations";
import { loadFindings } from "./load-findings";
import { readNothingSeen } from "./read-nothing-seen";
import { readEnvironments } from "./read-references";
import { tallyCombinations } from "./tally-combinations";

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
  // A preview is asked for by its name, or not at all.
  const chosen = every.filter(({ kind, name }) => (input.environment === undefined ? kind === "permanent" : name === input.environment));
  const environmentIds = chosen.map(({ id }) => id);
  const tally = await tallyCombinations(db, { service, environmentIds });
  const cases = await diagnoseCombinations(db, { service, environments: every, chosen, most: MOST_CASES });
  const { findings, wrong } = await readOtherFindings(ctx, { service, environmentIds });
  const reasons = cases.length > 0 ? [] : await readNothingSeen(ctx, { service, adopted: known !== undefined, environment: input.environment ?? null, environments: every });
  return {
    asOf: now.toISOString(),
    service,
    environment: input.environment ?? null,
    adopted: known !== undefined,
    ...summariseDoctor({ service, environment: input.environment ?? null, tally, wrong }),
    cases,
    more: Math.max(0, tally.sets - cases.length),
    findings,
    reasons,
  };
}

/** What is open here and about no single set of facts, what counts first, and how much of it counts: the combinations' own categories are told with them. */
async function readOtherFindings(ctx: Ctx, { service, environmentIds }: { service: string; environmentIds: readonly string[] }): Promise<Pick<DoctorDto, "findings"> & { wrong: number }> {
  const rows = await ctx.db.$queryRaw<{ id: string; wrong: number }[]>`
    WITH open AS (
      SELECT f.id, f.opened_at, ${waiverSql("f", "f.kind")} IS NOT NULL AS waived FROM findings f
      WHERE f.resolved_at IS NULL AND f.service_name = ${service} AND f.environment_id = ANY(${environmentIds}::uuid[]) AND f.image_id IS NULL
      UNION ALL
      SELECT f.id, f.opened_at, false FROM findings f
      WHERE f.resolved_at IS NULL AND f.kind IN ('silent', 'ledger-refused', 'clock-skew', 'duplicate-agent') AND f.agent_scope_id IN (
        SELECT k.agent_scope_id FROM combinations c JOIN combination_counts k ON k.combination_id = c.id WHERE c.service_name = ${service} AND c.environment_id = ANY(${environmentIds}::uuid[])))
    SELECT id::text, (count(*) FILTER (WHERE NOT waived) OVER ())::int AS wrong FROM open ORDER BY waived, opened_at DESC, id LIMIT ${MOST_FINDINGS}`;
  const loaded = await loadFindings(ctx.db, rows.map(({ id }) => id));
  const findings = loaded.map((finding): DoctorDto["findings"][number] => ({
    kind: finding.kind,
    severity: severityOf(finding.kind),
    sentence: finding.sentence,
    advice: adviseFinding(finding.kind, { service, environment: finding.environment ?? "", runningVersion: finding.running?.version ?? null, assignedVersion: finding.assigned?.version ?? null, runningService: null }),
    waived: finding.waiver !== null,
    environment: finding.environment,
    instances: finding.count,
    subject: finding.target ? `${finding.target.key} on ${finding.target.agent}` : finding.agent,
  }));
  return { findings, wrong: rows[0]?.wrong ?? 0 };
}
