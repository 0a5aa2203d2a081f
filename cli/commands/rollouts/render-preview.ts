import type { GroupPreview, RolloutPreview } from "@/lib/contract/rollouts";
import { table } from "@/cli/output";
import { formatRange } from "./read-duration";
import { plainText } from "./terminal-text";

/** The plan in words: what would happen, what forbids it, waves with their gates, what to know, and whose way goes first. */
export function renderPreview(preview: RolloutPreview): string[] {
  const place = `${preview.environment}${preview.partition === "default" ? "" : `/${preview.partition}`}${preview.protected ? " (protected)" : ""}`;
  const to = preview.kind === "stop" ? "nothing" : preview.to === null ? "no release" : `${preview.to.version}${preview.to.adopted ? " (adopted, no evidence)" : ""}`;
  const lines = [
    `${preview.kind} ${preview.service} in ${place}: ${preview.assigned?.version ?? "nothing"} → ${to}`,
    preview.allowed ? "It may start." : "It may not start:",
    ...preview.reasons.map(({ reason, sentence }) => `  ${reason}: ${sentence}`),
    `${plural(preview.targets, "target")}, ${plural(preview.instances, "instance")}, ${preview.actable} of them can be acted on${preview.estimateMs ? `; takes ${formatRange(preview.estimateMs)}` : ""}`,
  ];
  const section = (title: string, items: readonly string[]): void => {
    if (items.length > 0) lines.push("", title, ...items.map((item) => `  ${item}`));
  };
  section("Runs now", preview.running.map(({ version, digest, instances }) => `${version ?? digest ?? "unknown"} on ${plural(instances, "instance")}`));
  section("Regions", preview.regions.map(({ region, instances }) => `${region}: ${plural(instances, "instance")}`));
  section(`Waves (${preview.strategy.sentence.replace(/\.$/, "")})`, table(preview.waves.map(({ ordinal, name, targets, instances, sample, gate }) => [`${ordinal} ${name}`, `${plural(targets, "target")}, ${plural(instances, "instance")}`, sample.join(", ") + (sample.length > 0 && sample.length < targets ? ", …" : ""), gate.join("; ")])));
  section("About the plan", preview.planNotes);
  section("Mind", preview.warnings.map(({ sentence }) => sentence));
  section("In the way", [
    ...(preview.freeze ? [`Freeze ${preview.freeze.name}${preview.freeze.until ? ` until ${preview.freeze.until}` : ""}`] : []),
    ...(preview.hold ? [`Promotions are held since ledger entry ${preview.hold.entry}`] : []),
    ...(preview.pin ? [`Pinned by ledger entry ${preview.pin.entry}${preview.pin.until ? ` until ${preview.pin.until}` : ""}: ${preview.pin.reason ?? "the reason was redacted"}`] : []),
    ...(preview.activeRollout ? [`R-${preview.activeRollout.number} (${preview.activeRollout.kind}) is under way`] : []),
  ]);
  section(preview.weakEvidence ? "Evidence (weak)" : "Evidence", preview.evidence.map(({ check, sentence, ok, required }) => `${ok === null ? "?" : ok ? "✓" : "✗"} ${check}: ${sentence}${required && ok !== true ? " (required)" : ""}`));
  section("Will not undo", preview.willNotUndo);
  section("Differs beside the bytes", preview.difference);
  section("Between the two", preview.between.releases.map(({ version, commits, tickets, migrations }) => `${version}${commits === null ? "" : `, ${plural(commits, "commit")}`}${tickets.length > 0 ? `, ${tickets.join(" ")}` : ""}${migrations === null ? ", migrations not declared" : migrations.length > 0 ? `, migrations ${migrations.join(", ")}` : ""}`));
  if (preview.forwardFix) {
    const { release, migration, compatibleBackTo, newestCompatible } = preview.forwardFix;
    section("Needs a fix forwards", [
      `${release} ran migration ${migration}${compatibleBackTo ? `; releases from ${compatibleBackTo} on work with the data` : ", which cannot be undone"}`,
      ...(newestCompatible ? [`The newest that works with the data: --to ${newestCompatible.version}`] : []),
      `Back all the same: --confirm ${preview.service}`,
    ]);
  }
  section("Other releases to go to", preview.candidates.map(({ version, lastKnownGood, adopted, eligible, reasons }) => `${version}${lastKnownGood ? ", last known good" : ""}${adopted ? ", adopted, no evidence" : ""}${eligible ? "" : `: ${reasons.map(({ sentence }) => sentence).join(" ")}`}`));
  if (preview.executor) section("Carried out by", [`${preview.executor.name} (${preview.executor.kind})`]);
  for (const way of preview.ways) {
    const revert = way.willRevert === null ? "nobody knows whether it puts its own version back" : way.willRevert ? "will put its own version back" : "keeps what Plumbline does";
    section(`${way.title} (${way.tool}, ${plural(way.targets, "target")}): ${revert}`, [way.why, ...way.steps.flatMap(({ text, command }) => [text, ...(command ? [`  $ ${command}`] : [])])]);
  }
  lines.push("", `Decided on as of ${preview.asOf}, revision ${preview.revision}`);
  return lines.map((line) => plainText(line));
}

/** What a decision about several services would do. */
export function renderGroupPreview(preview: GroupPreview): string[] {
  const title = preview.service !== null ? `${preview.kind} ${preview.service} in ${preview.environment ?? ""}, by partition` : preview.kind === "as-of" ? `${preview.environment ?? ""} as it was at ${preview.at ?? ""}` : `Away from ${preview.release?.service ?? ""} ${preview.release?.version ?? ""}`;
  const rows = preview.members.map((member) => [
    member.service,
    `${member.environment}${member.partition === "default" ? "" : `/${member.partition}`}`,
    `${member.from?.version ?? "nothing"} → ${member.kind === "stop" ? "nothing" : (member.to?.version ?? "?")}`,
    plural(member.targets, "target"),
    [member.allowed ? (member.kind ?? "") : "cannot", ...(member.weakEvidence ? ["weak evidence"] : []), ...member.reasons.map(({ sentence }) => sentence), ...member.warnings.map(({ sentence }) => sentence)].join("; "),
  ]);
  if (preview.service !== null) return [title, ...(rows.length > 0 ? table([["SERVICE", "ENVIRONMENT", "CHANGE", "TARGETS", ""], ...rows]) : ["Nothing is there."]), `As of ${preview.asOf}, revision ${preview.revision.slice(0, 32)}`].map((line) => plainText(line));
  return [title, ...(rows.length > 0 ? table([["SERVICE", "ENVIRONMENT", "CHANGE", "TARGETS", ""], ...rows]) : []), `${plural(preview.unchanged, "service")} stay${preview.unchanged === 1 ? "s" : ""} as ${preview.unchanged === 1 ? "it is" : "they are"}.`, ...(preview.left > 0 ? [`${plural(preview.left, "more place")} left for the next decision: run this again when these are done.`] : []), `Confirm with --confirm ${preview.typed}. As of ${preview.asOf}.`].map((line) => plainText(line));
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
