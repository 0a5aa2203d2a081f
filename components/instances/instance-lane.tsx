import { Lane } from "@/components/charts/lane";
import type { LaneFlag, LaneSegment } from "@/components/charts/lane";
import type { Moment } from "@/components/ui/format";
import { SectionHead } from "@/components/ui/verdict";

export interface InstanceLaneProps {
  from: Moment;
  to: Moment;
  segments: readonly LaneSegment[];
  flags?: readonly LaneFlag[];
}

/** What one instance ran over its last 24 hours; where nothing was heard, nothing is drawn. */
export function InstanceLane(props: InstanceLaneProps) {
  return (
    <section className="section">
      <SectionHead title="24 hours" note="what it ran; a gap is a time without reports" end="UTC" />
      <Lane label="What this instance ran in 24 hours" {...props} />
    </section>
  );
}
