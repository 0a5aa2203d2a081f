import Link from "next/link";
import { Fragment } from "react";
import type { ReactNode } from "react";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { formatCount } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import { Age } from "@/components/ui/age";
import { Tag } from "@/components/ui/kbd";
import { ProportionBar } from "@/components/ui/proportion-bar";
import { StatusShape } from "@/components/ui/status-shape";
import { RowMark } from "@/components/ui/table";
import { deviates } from "@/components/ui/tone";
import type { Tone } from "@/components/ui/tone";

export interface RunningRelease {
  version: string | null;
  digest: string | null;
  instances: number;
  unhealthy: number;
  tone: Tone;
  /** "recalled", "not registered". */
  note?: string;
}

export interface EnvironmentRow {
  key: string;
  environment: string;
  /** Only where there is more than one. */
  partition?: string | null;
  href?: string;
  protected?: boolean;
  tone: Tone;
  assigned: { version: string; digest: string | null } | null;
  /** Most or worst first, as given. */
  running: readonly RunningRelease[];
  instances: number;
  silent: number;
  oldestReportAt: Moment | null;
  /** Who assigned it and when: "v 88, entry 48,212, Ines Duarte". */
  assignment: ReactNode;
  /** Which targets the partition takes: "region=eu-*". */
  selector?: string | null;
  /** Why the partition is pinned, and until when. */
  pin?: string | null;
  /** A hold in place: the version it keeps away. */
  hold?: string | null;
  /** A freeze in force: no promotion begins. */
  freeze?: string | null;
  /** How it rolls out, in a sentence. */
  strategy?: string | null;
  actions?: ReactNode;
}

function SameEverywhere({ row }: { row: EnvironmentRow }) {
  if (row.instances === 0) return <span className="muted">no instances reported</span>;
  return (
    <span className="muted">
      {formatCount(row.instances)} of {formatCount(row.instances)} as assigned
      {row.oldestReportAt ? (
        <>
          , oldest report <Age at={row.oldestReportAt} />
        </>
      ) : null}
    </span>
  );
}

function Running({ row }: { row: EnvironmentRow }) {
  const most = Math.max(1, ...row.running.map((release) => release.instances));
  return (
    <>
      <div className="env-runs">
        {row.running.map((release) => (
          <Fragment key={`${release.version} ${release.digest} ${release.note ?? ""} ${release.tone}`}>
            <span>
              {release.version ? <b>{release.version}</b> : <span className="muted">not registered</span>}
              {release.note ? (
                <span className="tone" data-tone={release.tone}>
                  {" "}
                  {release.note}
                </span>
              ) : null}
            </span>
            <DigestStripe digest={release.digest} />
            <span className="env-bar">
              <span className="row-flex" style={{ "--width": `${(release.instances / most) * 100}%` }}>
                <ProportionBar decorative parts={[{ tone: release.tone, count: release.instances, label: "" }]} />
              </span>
            </span>
            <span className="num">
              <b className={deviates(release.tone) ? "tone" : undefined} data-tone={release.tone}>
                {formatCount(release.instances)}
              </b>
              {release.unhealthy > 0 ? <span className="muted"> {formatCount(release.unhealthy)} unhealthy</span> : null}
            </span>
          </Fragment>
        ))}
      </div>
      {row.silent > 0 ? (
        <p>
          <StatusShape kind="unknown" size={12} /> <b>{formatCount(row.silent)}</b> silent: last known, not known
        </p>
      ) : null}
    </>
  );
}

/** Assigned and running, side by side, one row per environment. An environment in order is one quiet line. */
export function EnvironmentRows({ rows }: { rows: readonly EnvironmentRow[] }) {
  return (
    <table className="env-rows" aria-label="Assigned and running, by environment">
      <thead>
        <tr>
          <th scope="col">Environment</th>
          <th scope="col">Assigned</th>
          <th scope="col">
            <span className="visually-hidden">State</span>
          </th>
          <th scope="col">Running</th>
          <th scope="col">Assignment</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const off = deviates(row.tone);
          return (
            <tr key={row.key} data-deviates={off ? "" : undefined}>
              <th scope="row" className="hangs">
                <RowMark tone={row.tone} />
                <span className="env-name">{row.href ? <Link href={row.href}>{row.environment}</Link> : row.environment}</span>
                {row.partition ? <span className="muted"> / {row.partition}</span> : null}
                {row.selector ? <span className="muted block env-selector">{row.selector}</span> : null}
                {row.protected ? (
                  <>
                    {" "}
                    <Tag>protected</Tag>
                  </>
                ) : null}
              </th>
              <td>
                <span className="env-assigned">
                  {row.assigned ? (
                    <>
                      <span className="version">{row.assigned.version}</span>
                      <DigestStripe digest={row.assigned.digest} copyable />
                    </>
                  ) : (
                    <span className="muted">nothing assigned</span>
                  )}
                </span>
              </td>
              <td className="env-arrow">
                {off ? <StatusShape kind="arrow" size={16} label="differs" /> : <StatusShape kind={row.tone} label="as assigned" />}
              </td>
              <td>{off || row.running.length > 1 ? <Running row={row} /> : <SameEverywhere row={row} />}</td>
              <td className="env-facts">
                {row.pin ? (
                  <span className="row-flex">
                    <StatusShape kind="flag" size={12} />
                    <span>
                      <b>Pinned</b>: {row.pin}
                    </span>
                  </span>
                ) : null}
                {row.hold ? (
                  <span className="row-flex">
                    <StatusShape kind="lock" size={12} />
                    <b>Hold on {row.hold}</b>
                  </span>
                ) : null}
                {row.freeze ? (
                  <span className="row-flex">
                    <StatusShape kind="lock" size={12} />
                    <b>{row.freeze}</b>
                  </span>
                ) : null}
                <span className="muted block">{row.assignment}</span>
                {row.strategy ? <span className="muted block">{row.strategy}</span> : null}
                {row.actions}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
