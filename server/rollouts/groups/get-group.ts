import { groupDto, type GroupDto, type RolloutDto } from "@/lib/contract/rollouts";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import { authorise, visibleTo } from "@/server/access/authorise";
import type { Ctx } from "@/server/context";
import { notFound } from "@/server/errors";
import { loadRollouts } from "../load-rollouts";

const skippedList = groupDto.shape.skipped;

/** The receipt of one confirmation for several services. @throws AppError not-found, also when none of it may be seen */
export async function getGroup({ ctx, input }: { ctx: Ctx; input: { id: string } }): Promise<GroupDto> {
  authorise(ctx, "rollouts.read");
  return loadGroup(ctx, input.id);
}

type Row = { id: string; kind: string; one_service: string | null; environment: string | null; as_of: Date | null; service: string | null; version: string | null; incident: string | null; started_by: string; created_at: Date; skipped: unknown; rollouts: string[] };

/** A group with those of its rollouts that the actor may see. @throws AppError not-found */
export async function loadGroup(ctx: Ctx, id: string): Promise<GroupDto> {
  const [row] = await ctx.db.$queryRaw<Row[]>`
    SELECT g.id::text, g.kind, os.name::text AS one_service, e.name::text AS environment, g.as_of, s.name::text AS service, r.version, g.incident, a.display_name AS started_by, g.created_at, g.skipped,
      ARRAY(SELECT o.id::text FROM rollouts o WHERE o.group_id = g.id ORDER BY o.number) AS rollouts
    FROM rollout_groups g JOIN actors a ON a.id = g.actor_id LEFT JOIN environments e ON e.id = g.environment_id LEFT JOIN services os ON os.id = g.service_id
    LEFT JOIN releases r ON r.id = g.release_id LEFT JOIN services s ON s.id = r.service_id WHERE g.id = ${id}::uuid`;
  if (!row) throw notFound("group");
  const rollouts = (await loadRollouts(ctx.db, row.rollouts)).filter((rollout) => visibleTo(ctx, "rollouts.read", rollout)).toSorted((a, b) => a.number - b.number);
  if (rollouts.length === 0) throw notFound("group");
  const group: Omit<GroupDto, "summary"> = {
    id: row.id,
    kind: groupDto.shape.kind.parse(row.kind),
    service: row.one_service,
    environment: row.environment,
    at: row.as_of?.toISOString() ?? null,
    release: row.service !== null && row.version !== null ? { service: row.service, version: row.version } : null,
    incident: row.incident,
    startedBy: row.started_by,
    createdAt: row.created_at.toISOString(),
    rollouts,
    skipped: skippedList.parse(row.skipped).filter((place) => visibleTo(ctx, "rollouts.read", place)),
    counts: addCounts(rollouts),
  };
  return { ...group, summary: summarise(group, `${ctx.config.url}/rollouts/groups/${id}`) };
}

function addCounts(rollouts: readonly RolloutDto[]): GroupDto["counts"] {
  const sum = { total: 0, verified: 0, inFlight: 0, stuck: 0, failed: 0, waiting: 0, gone: 0, withdrawn: 0 };
  for (const { counts } of rollouts) {
    sum.total += counts.total;
    sum.verified += counts.verified;
    sum.inFlight += counts.inFlight;
    sum.stuck += counts.stuck;
    sum.failed += counts.failed;
    sum.waiting += counts.waiting;
    sum.gone += counts.gone;
    sum.withdrawn += counts.withdrawn;
  }
  return sum;
}

/** `2026-11-20 02:14:31 UTC`: people paste it where no page says the zone. */
function formatUtc(iso: string): string {
  return `${iso.slice(0, 19).replace("T", " ")} UTC`;
}

function subjectOf(group: Omit<GroupDto, "summary">): string {
  switch (group.kind) {
    case "as-of":
      return `${group.environment ?? "An environment"} back to how it was at ${formatUtc(group.at ?? group.createdAt)}`;
    case "recall":
      return `Away from ${group.release?.service ?? "a release"} ${group.release?.version ?? ""}, which is recalled`;
    case "rollback":
      return `${group.service ?? "A service"} back in ${group.environment ?? "an environment"}`;
    case "promote":
      return `${group.service ?? "A service"} promoted in ${group.environment ?? "an environment"}`;
    default:
      return group.kind satisfies never;
  }
}

/** A few lines to paste into an incident channel. */
function summarise(group: Omit<GroupDto, "summary">, receipt: string): string {
  const { counts, rollouts } = group;
  const open = rollouts.filter(({ status }) => isActiveRollout(status)).length;
  return [
    `${subjectOf(group)}: ${rollouts.length} ${rollouts.length === 1 ? "rollout" : "rollouts"}, ${open === 0 ? "none under way" : `${open} under way`}; ${counts.verified} of ${counts.total} targets verified${counts.stuck + counts.failed > 0 ? `, ${counts.stuck + counts.failed} stuck` : ""}.`,
    ...rollouts.map((rollout) => `R-${rollout.number} ${placeName(rollout)}: ${rollout.kind === "reconverge" ? `back on ${rollout.to?.version ?? "nothing"}` : `${rollout.from?.version ?? "nothing"} → ${rollout.to?.version ?? "nothing"}`}, ${rollout.status}, ${rollout.counts.verified} of ${rollout.counts.total}.`),
    ...group.skipped.map((place) => `Not in it: ${placeName(place)}. ${place.sentences.join(" ")}`),
    `Started by ${group.startedBy} at ${formatUtc(group.createdAt)}${group.incident ? ` for ${group.incident}` : ""}. ${receipt}`,
  ].join("\n");
}

function placeName(place: { service: string; environment: string; partition: string }): string {
  return `${place.service} / ${place.environment}${place.partition === "default" ? "" : ` / ${place.partition}`}`;
}
