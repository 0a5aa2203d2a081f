import { Lane } from "@/components/charts/lane";
import type { LaneFlag, LaneSegment } from "@/components/charts/lane";
import type { Moment } from "@/components/ui/format";
import { SectionHead } from "@/components/ui/verdict";

export interface HistoryLaneProps {
  environment: string;
  /** "14 days". */
  span: string;
  from: Moment;
  to: Moment;
  segments: readonly LaneSegment[];
  flags: readonly LaneFlag[];
}

/** Which release an environment ran over time, as shares of its instances, with a flag at every change. */
export function HistoryLane({ environment, span, ...lane }: HistoryLaneProps) {
  return (
    <section className="section">
      <SectionHead title={`${environment}, ${span}`} note="share of instances by release" end="UTC" />
      <Lane label={`${environment}: releases over ${span}`} {...lane} />
    </section>
  );
}
