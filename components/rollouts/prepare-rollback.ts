import { formatCount } from "@/components/ui/format";

/** What a rollback reaches. Estimate in ms. */
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
      label: first && blast.waves.length > 1 ? `${first.name} ${formatCount(first.targets)} first` : "all at once",
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

/** The same act in the title, on the button and in the receipt. */
export function rollbackWords(view: { kind: "rollback" | "reconverge"; service: string; environment: string; to: { version: string | null } }): { title: string; act: string; under: string } {
  const { service, environment } = view;
  const to = view.to.version ?? "another release";
  return view.kind === "reconverge"
    ? { title: `Put ${service} back on ${to} in ${environment}`, act: `put back on ${to}`, under: `${service} in ${environment} is being put back on ${to}` }
    : { title: `Roll back ${service} in ${environment}`, act: `roll back to ${to}`, under: `${service} in ${environment} is rolling back to ${to}` };
}
