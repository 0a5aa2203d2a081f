import type { GroupDto, RolloutDetail, RolloutDto } from "@/lib/contract/rollouts";
import { isActive, personNeeded } from "./decide-exit";
import { formatClock, formatRange } from "./read-duration";
import { clip, paint, plainText, wrap, type Paint, type Surface } from "./terminal-text";

type Wave = RolloutDetail["waves"][number];
type Counts = RolloutDto["counts"];
/** Since when the server does not answer, and what came instead. */
export type Away = { forMs: number; why: string };
export type ProgressView<T> = { value: T; away: Away | null; nowMs: number };

const BAR = { verified: "█", inFlight: "▒", stuck: "!", failed: "x", waiting: "·" } as const;
const COLOUR: Record<keyof typeof BAR, Paint> = { verified: "green", inFlight: "cyan", stuck: "yellow", failed: "red", waiting: "dim" };
const MOST_NAME = 24;
const MOST_BAR = 32;
const LEAST_BAR = 8;

/**
 * What a terminal shows of a rollout: each wave as a bar, the numbers, what it waits for, and why targets are stuck.
 * Each line fits the width, but for a command to copy; with a height, what says least is folded first. Nothing in it comes from a clock or a screen.
 */
export function renderProgress({ value: rollout, away, nowMs }: ProgressView<RolloutDetail>, surface: Surface): string[] {
  const line = (text: string, ...paints: Paint[]): string => paint(clip(plainText(text), surface.width), paints, surface.colour);
  const head = headOf(rollout, nowMs, surface);
  const lines = (text: string, ...paints: Paint[]): string[] => wrap(plainText(text), surface.width).map((part) => paint(part, paints, surface.colour));
  const waits = waitsOf(rollout, nowMs).flatMap((text) => lines(text, "bold"));
  const stuck = rollout.stuck.flatMap((group) => [
    line(`${group.count} stuck: ${group.sentence}${group.where.length > 0 ? ` (${group.where.join(", ")}${group.count > group.where.length ? ", …" : ""})` : ""}`, "yellow"),
    ...lines(`  ${group.next}`),
  ]);
  const tail = [sumUp(rollout, nowMs), ...(awaySentence(away))].map((text, at) => line(text, ...(at === 0 ? [] : (["red"] as const))));
  const rest = [...tail, ...waits, ...stuck];
  const room = surface.height === null ? null : Math.max(3, surface.height - 1 - rest.length);
  return fold([head, ...renderWaves(rollout.waves, nowMs, surface, room), ...rest], surface);
}

/** Several rollouts of one decision, one bar each. */
export function renderGroup({ value: group, away }: ProgressView<GroupDto>, surface: Surface): string[] {
  const line = (text: string, ...paints: Paint[]): string => paint(clip(plainText(text), surface.width), paints, surface.colour);
  const rows = group.rollouts.map((rollout) => ({ name: `${rollout.service} ${rollout.to?.version ?? "stop"}`, counts: rollout.counts, words: `R-${rollout.number} ${rollout.status}${rollout.waitingFor ? `: ${rollout.waitingFor}` : ""}` }));
  return fold(
    [
      line(group.summary, "bold"),
      ...bars(rows, surface),
      ...group.skipped.map((place) => line(`not started: ${place.service} in ${place.environment}${place.partition === "default" ? "" : `/${place.partition}`}: ${place.sentences.join(" ")}`, "yellow")),
      line(countWords(group.counts)),
      ...awaySentence(away).map((text) => line(text, "red")),
    ],
    surface,
  );
}

/** `R-12 rollback payments 1.43.0 → 1.42.0 in production`. */
export function titleOf(rollout: RolloutDto): string {
  const place = `${rollout.environment}${rollout.partition === "default" ? "" : `/${rollout.partition}`}`;
  const versions = rollout.kind === "stop" ? (rollout.from?.version ?? "") : rollout.from && rollout.to && rollout.from.id !== rollout.to.id ? `${rollout.from.version} → ${rollout.to.version}` : (rollout.to?.version ?? "");
  return `R-${rollout.number} ${rollout.kind} ${rollout.service}${versions === "" ? "" : ` ${versions}`} in ${place}`;
}

/** `12 of 40 verified, 3 in flight, 1 stuck`. */
export function countWords({ verified, total, inFlight, stuck, failed, gone, withdrawn }: Counts): string {
  const parts = [`${verified} of ${total} verified`];
  if (inFlight > 0) parts.push(`${inFlight} in flight`);
  if (stuck > 0) parts.push(`${stuck} stuck`);
  if (failed > 0) parts.push(`${failed} failed`);
  if (gone > 0) parts.push(`${gone} gone`);
  if (withdrawn > 0) parts.push(`${withdrawn} withdrawn`);
  return parts.join(", ");
}

function headOf(rollout: RolloutDto, nowMs: number, surface: Surface): string {
  const end = rollout.finishedAt === null ? nowMs : Date.parse(rollout.finishedAt);
  const right = `${rollout.status} ${formatClock(end - Date.parse(rollout.createdAt))}`;
  const left = clip(plainText(titleOf(rollout)), Math.max(10, surface.width - right.length - 2));
  return `${paint(left, ["bold"], surface.colour)}  ${paint(clip(right, Math.max(0, surface.width - left.length - 2)), [statusColour(rollout)], surface.colour)}`;
}

function statusColour({ status }: Pick<RolloutDto, "status">): Paint {
  if (status === "succeeded") return "green";
  if (status === "failed" || status === "aborted" || status === "superseded") return "red";
  return status === "running" || status === "planned" ? "cyan" : "yellow";
}

function renderWaves(waves: readonly Wave[], nowMs: number, surface: Surface, room: number | null): string[] {
  const shown = new Set(waves);
  const notes: { before: string | null; after: string | null } = { before: null, after: null };
  if (room !== null && waves.length > room) {
    const passed = waves.filter((wave) => wave.status === "passed");
    const coming = waves.filter((wave) => wave.status === "pending");
    for (const wave of passed) shown.delete(wave);
    if (passed.length > 0) notes.before = `${passed.length} waves passed`;
    if (shown.size + 1 > room && coming.length > 1) {
      for (const wave of coming.slice(1)) shown.delete(wave);
      notes.after = `${coming.length - 1} more waves follow`;
    }
  }
  const lines = bars(waves.filter((wave) => shown.has(wave)).map((wave) => ({ name: `${wave.ordinal} ${wave.name}`, counts: wave.counts, words: waveWords(wave, nowMs) })), surface);
  const note = (text: string | null): string[] => (text === null ? [] : [paint(clip(text, surface.width), ["dim"], surface.colour)]);
  return [...note(notes.before), ...lines, ...note(notes.after)];
}

function waveWords(wave: Wave, nowMs: number): string {
  switch (wave.status) {
    case "soaking":
      return wave.soakUntil === null ? "soaking" : `soaking, ${formatClock(Date.parse(wave.soakUntil) - nowMs)} left`;
    case "waiting":
      return wave.statusReason ?? "waits";
    case "failed":
      return `failed${wave.statusReason ? `: ${wave.statusReason}` : ""}`;
    case "pending":
      return wave.prefetched > 0 ? `pending, ${wave.prefetched} have the bytes` : "pending";
    case "open":
    case "passed":
      return wave.status;
    default:
      return wave.status satisfies never;
  }
}

/** Name, bar, numbers and words in columns; a narrow screen gives up the bar first, then the words. */
function bars(rows: readonly { name: string; counts: Counts; words: string }[], surface: Surface): string[] {
  const names = rows.map(({ name }) => clip(plainText(name), Math.min(MOST_NAME, Math.max(6, Math.floor(surface.width / 3)))));
  const numbers = rows.map(({ counts }) => `${counts.verified}/${counts.total}${counts.inFlight > 0 ? ` ${counts.inFlight} in flight` : ""}${counts.stuck > 0 ? ` ${counts.stuck} stuck` : ""}${counts.failed > 0 ? ` ${counts.failed} failed` : ""}`);
  const nameWidth = Math.max(0, ...names.map((name) => name.length));
  const numberWidth = Math.max(0, ...numbers.map((text) => text.length));
  const barWidth = Math.min(MOST_BAR, surface.width - nameWidth - numberWidth - 4 - 12);
  return rows.map(({ counts, words }, at) => {
    const name = (names[at] ?? "").padEnd(nameWidth);
    const number = (numbers[at] ?? "").padEnd(numberWidth);
    const bar = barWidth >= LEAST_BAR ? drawBar(counts, barWidth) : [];
    const taken = name.length + 2 + (bar.length > 0 ? barWidth + 2 : 0) + number.length + 2;
    const left = surface.width - taken;
    const drawn = bar.map(({ part, cells }) => paint(BAR[part].repeat(cells), [COLOUR[part]], surface.colour)).join("");
    const columns = [name, ...(bar.length > 0 ? [drawn] : []), number, ...(left >= 3 ? [clip(plainText(words), left)] : [])].join("  ");
    return left >= 0 ? columns.trimEnd() : clip(`${name}  ${number}`, surface.width);
  });
}

/** The cells of a bar: shares of `width` by largest remainder, and at least one cell for whatever is there. */
function drawBar(counts: Counts, width: number): { part: keyof typeof BAR; cells: number }[] {
  const parts = (["verified", "inFlight", "stuck", "failed", "waiting"] as const).map((part) => ({ part, count: part === "waiting" ? Math.max(0, counts.total - counts.verified - counts.inFlight - counts.stuck - counts.failed) : counts[part] }));
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return [{ part: "waiting", cells: width }];
  const exact = parts.map(({ part, count }) => ({ part, share: (count / total) * width, cells: count === 0 ? 0 : Math.max(1, Math.floor((count / total) * width)) }));
  let left = width - exact.reduce((sum, { cells }) => sum + cells, 0);
  for (const one of exact.toSorted((a, b) => b.share - b.cells - (a.share - a.cells))) {
    if (left <= 0) break;
    if (one.share === 0) continue;
    one.cells += 1;
    left -= 1;
  }
  for (const one of exact.toSorted((a, b) => b.cells - a.cells)) {
    if (left >= 0) break;
    const back = Math.min(one.cells - 1, -left);
    one.cells -= Math.max(0, back);
    left += Math.max(0, back);
  }
  return exact.map(({ part, cells }) => ({ part, cells })).filter(({ cells }) => cells > 0);
}

function sumUp(rollout: RolloutDetail, nowMs: number): string {
  const passedMs = nowMs - Date.parse(rollout.createdAt);
  const eta = isActive(rollout.status) && rollout.status !== "paused" && rollout.estimateMs !== null ? `; ${formatRange({ from: rollout.estimateMs.from - passedMs, to: rollout.estimateMs.to - passedMs })} left` : "";
  const end = isActive(rollout.status) ? "" : `; ${rollout.status}${rollout.statusReason ? `: ${rollout.statusReason}` : ""}${rollout.revertedBy ? `, R-${rollout.revertedBy.number} rolls it back` : ""}`;
  return `${countWords(rollout.counts)}${eta}${end}`;
}

/** What has to happen before it goes on: a person first, else what the server says that the next wave waits for. */
function waitsOf(rollout: RolloutDetail, nowMs: number): string[] {
  if (!isActive(rollout.status)) return [];
  const person = personNeeded(rollout);
  if (person) return [person];
  const checks = rollout.waves.flatMap((wave) => (wave.check && wave.check.status !== "passed" && wave.status === "waiting" ? [`Check before wave ${wave.ordinal} is ${wave.check.status}${wave.check.detail ? `: ${wave.check.detail}` : ""}${wave.check.attempts > 0 ? `, asked ${wave.check.attempts} times` : ""}`] : []));
  const soaking = rollout.waves.some((wave) => wave.status === "soaking" && wave.soakUntil !== null && Date.parse(wave.soakUntil) > nowMs);
  return [...(rollout.waitingFor && !soaking ? [rollout.waitingFor] : []), ...checks];
}

function awaySentence(away: Away | null): string[] {
  return away ? [`The server has not answered for ${formatClock(away.forMs)} (${away.why}); trying again. The rollout does not need this command.`] : [];
}

/** Cuts what does not fit the height; the last line says that something is missing. */
function fold(lines: string[], { height, width }: Surface): string[] {
  if (height === null || lines.length <= height) return lines;
  const kept = Math.max(1, height - 1);
  return [...lines.slice(0, kept), clip(`… ${lines.length - kept} more lines: make the window taller`, width)];
}
