import { formatCount, formatDateTime } from "@/components/ui/format";
import type { Tone } from "@/components/ui/tone";
import type { VerdictPart } from "@/components/ui/verdict";
import type { FreezeDto } from "@/lib/contract/freezes";
import type { HoldDto, StandingRecall, WaiverDto } from "@/lib/contract/policies";
import { WEEKDAYS, type Weekday } from "@/lib/domain/rollout/freeze-window";
import { plural } from "@/app/(dashboard)/words";

const DAY_NAMES: Record<Weekday, string> = { mon: "Mon", tue: "Tue", wed: "Wed", thu: "Thu", fri: "Fri", sat: "Sat", sun: "Sun" };

/** Days that follow each other as a span: `Mon–Fri`, `Sat, Sun`, `every day`. */
export function describeDays(days: readonly Weekday[]): string {
  if (days.length === WEEKDAYS.length) return "every day";
  const runs: Weekday[][] = [];
  for (const day of WEEKDAYS) {
    if (!days.includes(day)) continue;
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run && last !== undefined && WEEKDAYS.indexOf(last) + 1 === WEEKDAYS.indexOf(day)) run.push(day);
    else runs.push([day]);
  }
  return runs
    .flatMap((run) => {
      const [first, ...rest] = run;
      const last = rest.at(-1);
      if (first === undefined) return [];
      return rest.length > 1 && last !== undefined ? [`${DAY_NAMES[first]}–${DAY_NAMES[last]}`] : run.map((day) => DAY_NAMES[day]);
    })
    .join(", ");
}

/** When a freeze is in force: its window, or the one that comes back. */
export function describeWhen({ startsAt, endsAt, schedule }: Pick<FreezeDto, "startsAt" | "endsAt" | "schedule">): string {
  const until = endsAt === null ? null : formatDateTime(endsAt, true);
  if (schedule === null) return `${formatDateTime(startsAt, true)} → ${until ?? "lifted"} UTC`;
  const times = schedule.from === schedule.to ? (schedule.from === "00:00" ? "all day" : `${schedule.from}, 24 h`) : `${schedule.from} → ${schedule.to}`;
  return `${describeDays(schedule.days)}, ${times}, ${schedule.timeZone}${until === null ? "" : `, until ${until} UTC`}`;
}

/** Where it stands now, with the hue of that. */
export function describeState({ state, until, next }: Pick<FreezeDto, "state" | "until" | "next">): { tone: Tone; words: string } {
  switch (state) {
    case "frozen":
      return { tone: "rolling", words: until === null ? "frozen until lifted" : `frozen until ${formatDateTime(until)} UTC` };
    case "coming":
      return { tone: "neutral", words: next === null ? "free" : `free, next ${formatDateTime(next)} UTC` };
    case "over":
      return { tone: "neutral", words: "over" };
    case "lifted":
      return { tone: "neutral", words: "lifted" };
    default:
      return state satisfies never;
  }
}

/** The page's sentence: what may not be promoted now, and what is excused. */
export function describePolicies({ freezes, holds, waivers, recalls }: { freezes: readonly FreezeDto[]; holds: readonly HoldDto[]; waivers: readonly WaiverDto[]; recalls: readonly StandingRecall[] }): VerdictPart[] {
  const frozen = freezes.filter(({ state }) => state === "frozen");
  const places = [...new Set(frozen.map(({ environment }) => environment))];
  const parts: VerdictPart[] = frozen.length === 0 ? ["Nothing is frozen now"] : ["Frozen now: ", { strong: places.join(", ") }];
  const counts = [
    holds.length > 0 ? `${formatCount(holds.length)} ${plural(holds.length, "hold stands", "holds stand")}` : null,
    waivers.length > 0 ? `${formatCount(waivers.length)} ${plural(waivers.length, "waiver is", "waivers are")} in force` : null,
    recalls.length > 0 ? `${formatCount(recalls.length)} ${plural(recalls.length, "release is", "releases are")} recalled` : null,
  ].filter((words) => words !== null);
  return [...parts, counts.length === 0 ? "." : `; ${counts.join(", ")}.`];
}

/** Where a recalled release still runs. */
export function describeRunning({ running }: Pick<StandingRecall, "running">): string {
  const where = running.filter(({ instances }) => instances > 0).map(({ environment, instances }) => `${formatCount(instances)} in ${environment}`);
  return where.length === 0 ? "nowhere" : where.join(", ");
}

/** A field of type datetime-local, read as UTC; null when it is empty. */
export function toInstant(local: string): string | null {
  const at = local === "" ? Number.NaN : Date.parse(`${local}Z`);
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
