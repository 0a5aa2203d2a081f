import { Age } from "@/components/ui/age";
import { formatCount } from "@/components/ui/format";
import { StatusShape } from "@/components/ui/status-shape";
import { sortEvidence, summariseEvidence } from "./prepare-start";
import type { EvidenceItem } from "./prepare-start";

/** What speaks for a release, failing and unknown first. What was not checked says so and is never shown as fine. */
export function Evidence({ version, evidence }: { version: string | null; evidence: readonly EvidenceItem[] }) {
  return (
    <section>
      <h3>
        Evidence for {version ?? "it"} <span>{summariseEvidence(evidence)}</span>
      </h3>
      <ul className="weigh-list">
        {sortEvidence(evidence).map((item) => (
          <li key={item.text}>
            <StatusShape
              kind={item.ok === null ? "unknown" : item.ok ? "check" : "cross"}
              tone={item.ok === false && item.required ? "critical" : undefined}
              label={item.ok === null ? "not checked" : item.ok ? "holds" : "does not hold"}
            />
            <span>
              {item.text}
              {item.required ? null : <span className="muted"> (advisory{item.ok === true ? "" : ", does not block"})</span>}
            </span>
            <span className="aside">{item.ok === null ? "not checked" : item.at === null ? "" : <Age at={item.at} coarse />}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export interface WordListProps {
  title: string;
  items: readonly string[];
  /** Said when there is none; without it an empty list draws nothing. */
  empty?: string;
}

/** Plain sentences under a heading. */
export function WordList({ title, items, empty }: WordListProps) {
  if (items.length === 0 && !empty) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul className="weigh-list">
        {items.length === 0 ? (
          <li data-plain="">
            <span className="muted">{empty}</span>
          </li>
        ) : null}
        {items.map((item) => (
          <li key={item} data-plain="">
            <span>{item}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export interface BetweenView {
  commits: number | null;
  compareUrl: string | null;
  releases: readonly { version: string; commits: number | null; tickets: readonly string[]; sourceUrl: string | null; migrations: readonly string[] | null }[];
}

/** Whether anything is known about what lies between. */
export function hasBetween({ commits, compareUrl, releases }: BetweenView): boolean {
  return releases.length > 0 || commits !== null || compareUrl !== null;
}

/** The releases that lie between the two, newest first, with what each brought. `back`: they are taken away again. */
export function Between({ between, back }: { between: BetweenView; back: boolean }) {
  const { commits, compareUrl, releases } = between;
  return (
    <section>
      <h3>
        {back ? "Taken back with it" : "What it brings"}{" "}
        <span>
          {commits === null ? "commits not declared" : `${formatCount(commits)} ${commits === 1 ? "commit" : "commits"}`}
          {compareUrl ? (
            <>
              ,{" "}
              <a className="link" href={compareUrl} target="_blank" rel="noreferrer">
                compare
              </a>
            </>
          ) : null}
        </span>
      </h3>
      <ul className="weigh-list">
        {releases.map((release) => (
          <li key={release.version} data-plain="">
            <span>
              {release.sourceUrl ? (
                <a className="link" href={release.sourceUrl} target="_blank" rel="noreferrer">
                  <b>{release.version}</b>
                </a>
              ) : (
                <b>{release.version}</b>
              )}
              {release.tickets.length > 0 ? <span className="muted"> {release.tickets.join(", ")}</span> : null}
              {release.migrations === null ? (
                <span className="muted block">migrations not declared</span>
              ) : (
                release.migrations.map((migration) => (
                  <span key={migration} className="block">
                    {migration}
                  </span>
                ))
              )}
            </span>
            <span className="aside">{release.commits === null ? "" : `${formatCount(release.commits)} ${release.commits === 1 ? "commit" : "commits"}`}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
