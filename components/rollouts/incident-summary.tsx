import { CopyBlock } from "@/components/ui/copy-block";
import { SectionHead } from "@/components/ui/verdict";

/** A text for the incident channel, as true as the page is. */
export function IncidentSummary({ text, incident }: { text: string; incident?: string | null }) {
  return (
    <section className="section" aria-label="For the incident channel">
      <SectionHead title="For the incident channel" note={incident ? `${incident}, updates itself` : "updates itself"} />
      <div className="section-gap">
        <CopyBlock text={text} label="Copy the summary" />
      </div>
    </section>
  );
}
