import { CopyButton } from "@/components/ui/copy-button";
import { SectionHead } from "@/components/ui/verdict";

/** The last report as it came, for reading and copying. */
export function RawReport({ report }: { report: unknown }) {
  const text = JSON.stringify(report, null, 2) ?? "";
  return (
    <section className="section" aria-label="Raw report">
      <SectionHead title="Raw report" note="as the agent sent it" />
      <div className="raw">
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
        <pre tabIndex={0} aria-label="Raw report, JSON">
          {text}
        </pre>
        <CopyButton text={text} label="Copy the raw report" done="Copied">
          Copy
        </CopyButton>
      </div>
    </section>
  );
}
