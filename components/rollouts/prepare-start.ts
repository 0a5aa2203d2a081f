import { formatCount } from "@/components/ui/format";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";

/** A wave before it is frozen. `gate` says in words what stands before it and when it has passed. */
export interface PlannedWave {
  ordinal: number;
  name: string;
  targets: number;
  instances: number;
  sample: readonly string[];
  gate: readonly string[];
}

/** What a rollout reaches. Estimate in ms. */
export interface BlastRadius {
  instances: number;
  /** Of which so many on hosts that let Plumbline act. */
  targets: number;
  actable: number;
  regions: readonly { region: string; instances: number }[];
  waves: readonly { name: string; targets: number }[];
  estimateMs: { from: number; to: number } | null;
}

export interface BlastFigure {
  value: string;
  label: string;
}

function plural(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A range of durations as people say it: `6–9 min`, `20–40 s`, `1–2 h`. */
export function formatEstimate(from: number, to: number): string {
  const [low, high] = from <= to ? [from, to] : [to, from];
  const unit = high < 90_000 ? { ms: 1_000, name: "s" } : high < 5_400_000 ? { ms: 60_000, name: "min" } : { ms: 3_600_000, name: "h" };
  const first = Math.max(unit.name === "s" ? 1 : 0, Math.floor(low / unit.ms));
  const last = Math.max(1, Math.ceil(high / unit.ms));
  if (first === 0) return `under ${last} ${unit.name}`;
  return first === last ? `${last} ${unit.name}` : `${first}–${last} ${unit.name}`;
}

/** The four figures of the blast radius: instances, regions, waves, time. */
export function prepareBlast(blast: BlastRadius): BlastFigure[] {
  const others = blast.targets - blast.actable;
  const regions = blast.regions.slice(0, 3).map((region) => `${region.region} ${formatCount(region.instances)}`);
  if (blast.regions.length > 3) regions.push(`${formatCount(blast.regions.length - 3)} more`);
  const first = blast.waves[0];
  return [
    {
      value: formatCount(blast.instances),
      label: others > 0 ? `instances, ${plural(others, "target does", "targets do")} not allow acting (--act)` : `instances, on ${plural(blast.targets, "target", "targets")}`,
    },
    { value: plural(blast.regions.length, "region", "regions"), label: regions.join(", ") || "no region reported" },
    {
      value: plural(Math.max(1, blast.waves.length), "wave", "waves"),
      label: first && blast.waves.length > 1 ? `${first.name} first, ${plural(first.targets, "target", "targets")}` : "all at once",
    },
    blast.estimateMs
      ? { value: formatEstimate(blast.estimateMs.from, blast.estimateMs.to), label: "estimated" }
      : { value: "no estimate", label: "too little history here" },
  ];
}

export interface EvidenceItem {
  /** Null: nothing is known, which is never shown as fine. */
  ok: boolean | null;
  required: boolean;
  text: string;
  at: string | number | null;
}

/** What fails first: required failures, then unknown, then advisory failures, then what holds. Keeps the order within each. */
export function sortEvidence(items: readonly EvidenceItem[]): EvidenceItem[] {
  const weight = (item: EvidenceItem) => (item.ok === true ? 4 : item.required ? (item.ok === false ? 0 : 1) : item.ok === false ? 2 : 3);
  return [...items].sort((a, b) => weight(a) - weight(b));
}

/** "5 of 5 required hold". */
export function summariseEvidence(items: readonly EvidenceItem[]): string {
  const required = items.filter((item) => item.required);
  return `${required.filter((item) => item.ok === true).length} of ${required.length} required hold`;
}

/** A gate's few words as one sentence: `After somebody says go; passes when all are verified and stay so for 60 s.` */
export function joinGate(words: readonly string[]): string {
  const joined = words.reduce((sentence, part) => (sentence === "" ? part : `${sentence}${part.startsWith("and ") ? " " : "; "}${part}`), "");
  return joined === "" ? "" : `${joined.replace(/^[a-z]/, (letter) => letter.toUpperCase())}.`;
}

/** Where each wave begins and how much of all targets it is, both 0 to 1; the smallest still shows. */
export function placeWaves(waves: readonly PlannedWave[]): (PlannedWave & { from: number; share: number })[] {
  const total = Math.max(1, waves.reduce((sum, wave) => sum + wave.targets, 0));
  let before = 0;
  return waves.map((wave) => {
    const from = before / total;
    before += wave.targets;
    return { ...wave, from, share: wave.targets / total };
  });
}

export interface StartWordsInput {
  kind: RolloutKind;
  service: string;
  environment: string;
  /** What it goes to; null for a stop, or where nothing was chosen yet. */
  to: string | null;
  /** How many targets were selected; null for all of them. */
  selected: number | null;
}

function some(selected: number | null, service: string): string {
  return selected === null ? service : `${plural(selected, "target", "targets")} of ${service}`;
}

/** The same act in the title, on the button and in the receipt. */
export function startWords({ kind, service, environment, to, selected }: StartWordsInput): { title: string; act: string; under: string } {
  const release = to ?? "another release";
  const what = some(selected, service);
  const where = `${service} in ${environment}`;
  switch (kind) {
    case "promote":
      return { title: `Promote ${service}${to === null ? "" : ` ${to}`} to ${environment}`, act: to === null ? "promote" : `promote ${to}`, under: `${where} is rolling out ${release}` };
    case "rollback":
      return { title: `Roll back ${where}`, act: `roll back to ${release}`, under: `${where} is rolling back to ${release}` };
    case "reconverge":
      return { title: `Put ${what} back on ${release} in ${environment}`, act: `put ${selected === null ? "" : `${formatCount(selected)} `}back on ${release}`, under: `${what} in ${environment} ${selected !== null && selected !== 1 ? "are" : "is"} being put back on ${release}` };
    case "replace":
      return { title: `Replace ${what} in ${environment}`, act: `replace ${selected === null ? "all" : formatCount(selected)}`, under: `${what} in ${environment} ${selected !== null && selected !== 1 ? "are" : "is"} being replaced` };
    case "stop":
      return { title: `Stop ${where}`, act: `stop ${service}`, under: `${where} is being stopped` };
    default:
      return kind satisfies never;
  }
}
