import { formatCount } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import type { ShapeKind } from "@/components/ui/status-shape";
import { SectionHead } from "@/components/ui/verdict";
import type { DoctorCase } from "@/lib/contract/doctor";
import { VerdictList } from "./verdict-list";

type Step = DoctorCase["steps"][number];

const SHAPES: Record<Step["mark"], { kind: ShapeKind; label: string }> = { right: { kind: "match", label: "right" }, wrong: { kind: "drift", label: "wrong" }, unknown: { kind: "unknown", label: "unknown" } };
const WORDS: Record<Step["step"], string> = {
  reported: "Reported",
  mapped: "Belongs",
  resolved: "Digests",
  assigned: "Assigned",
  approved: "Approved",
  recalled: "Recalled",
  settings: "Settings",
  "in-place": "In place",
  declared: "Next time",
};

/** Each set of facts: the questions in the order in which they were asked, then what follows from the answers. */
export function DoctorCases({ cases }: { cases: readonly DoctorCase[] }) {
  return cases.map((one, at) => {
    const where = [one.environment, ...(one.partition === "default" ? [] : [one.partition]), ...(one.component === "main" ? [] : [one.component])].join(" / ");
    const title = `${where}: ${formatCount(one.instances)} ${one.instances === 1 ? "instance" : "instances"}`;
    return (
      <section key={at} className="section">
        <SectionHead title={title} note={one.verdicts.map(({ kind }) => kind).join(", ")} />
        <VerdictList verdicts={one.verdicts.map((verdict) => ({ ...verdict, key: verdict.kind }))} />
        <ol className="doctor-steps">
          {one.steps.map(({ step, mark, sentence, lines }) => (
            <li key={step} data-tone={mark === "wrong" ? "drift" : mark === "unknown" ? "unknown" : "match"}>
              <StatusShape kind={SHAPES[mark].kind} size={14} label={SHAPES[mark].label} />
              <b>{WORDS[step]}</b>
              <div className="wrap-anywhere">
                {sentence}
                {lines.length > 0 ? (
                  <ul className="doctor-lines muted">
                    {lines.map((line) => (
                      <li key={line}>{line}</li>
                    ))}
                  </ul>
                ) : null}
              </div>
            </li>
          ))}
        </ol>
      </section>
    );
  });
}
