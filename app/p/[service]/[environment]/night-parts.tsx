import Link from "next/link";
import type { ReactNode } from "react";
import { RollbackLink } from "@/app/p/rollback-link";
import { chooseTicks, labelTick, placeMoment } from "@/components/charts/place-lane";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { formatCount, formatShare } from "@/components/ui/format";
import { ReleaseLine } from "@/components/ui/release-line";
import { StatusShape } from "@/components/ui/status-shape";
import type { ShapeKind } from "@/components/ui/status-shape";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead } from "@/components/ui/verdict";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { describeChange, describeProgress } from "./to-night";
import type { HealthBar } from "./to-night";

/** One line of evidence: a sign, what it says, how old. */
export function Witness({ shape, label, title, aside, children }: { shape: ShapeKind; label: string; title: ReactNode; aside?: ReactNode; children?: ReactNode }) {
  return (
    <li className="witness">
      <StatusShape kind={shape} size={16} label={label} />
      <div>
        <b>{title}</b>
        {children ? <div className="muted">{children}</div> : null}
      </div>
      {aside ? <span className="muted small">{aside}</span> : null}
    </li>
  );
}

/** Unhealthy copies by release: whether what changed is what hurts. */
export function Health({ bars, oldestReportAt }: { bars: readonly HealthBar[]; oldestReportAt: string | null }) {
  const most = Math.max(0.001, ...bars.map((bar) => bar.share));
  return (
    <section aria-labelledby="unhealthy" className="night-block">
      <div className="night-block-head">
        <h3 id="unhealthy">Unhealthy, by release</h3>
        <span className="muted small">{oldestReportAt ? <>oldest report <Age at={oldestReportAt} /></> : null}</span>
      </div>
      {bars.length === 0 ? <p className="muted">No copy of it is reported here.</p> : null}
      <ul>
        {bars.map((bar) => (
          <li key={bar.key} className="health" data-tone={bar.tone}>
            <span className="health-name">
              <ReleaseLine version={bar.version} digest={bar.version ? null : bar.digest} otherwise="not registered" />
            </span>
            <span className="health-track" aria-hidden="true">
              <i style={{ "--share": `${(bar.share / most) * 100}%` }} />
            </span>
            <span className="health-figure">
              <b className={bar.tone === "critical" ? "tone" : undefined}>{formatShare(bar.share)}</b>
              <span className="muted">
                {" "}
                {formatCount(bar.unhealthy)} of {formatCount(bar.instances)}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export interface AxisRow {
  key: string;
  name: string;
  /** The page's own service. */
  own: boolean;
  /** Only the newest is named: older ones would stand in its way. */
  flags: readonly { at: string; label: string; named: boolean }[];
}

/** When each service changed, on one axis with the alert: what stands left of the line came first. */
export function WhenAxis({ rows, from, to, alertMs }: { rows: readonly AxisRow[]; from: number; to: number; alertMs: number | null }) {
  const place = (at: string | number) => `${(placeMoment(at, from, to) * 100).toFixed(2)}%`;
  const alertAt = alertMs === null ? null : placeMoment(alertMs, from, to);
  return (
    <section aria-labelledby="when" className="night-block">
      <div className="night-block-head">
        <h3 id="when">Changes{alertMs === null ? "" : ", and the alert"}</h3>
        <span className="muted small">
          {labelTick(from, from, to)} to {labelTick(to, from, to)} UTC
        </span>
      </div>
      <div className="when" aria-hidden="true">
        {alertAt === null ? null : (
          <div className="when-alert" data-tone="alert" data-side={alertAt > 0.75 ? "left" : undefined} style={{ "--at": `${(alertAt * 100).toFixed(2)}%` }}>
            <span>
              <StatusShape kind="alert" size={12} /> alert {labelTick(alertMs ?? to, from, to)}
            </span>
          </div>
        )}
        {rows.map((row) => (
          <div key={row.key} className="when-row" data-own={row.own ? "" : undefined}>
            <span className="when-name">{row.name}</span>
            <span className="when-track">
              {row.flags.map((flag) => (
                <i key={`${flag.at} ${flag.label}`} data-side={placeMoment(flag.at, from, to) > 0.7 ? "left" : undefined} style={{ "--at": place(flag.at) }}>
                  {flag.named ? <span>{flag.label}</span> : null}
                </i>
              ))}
            </span>
          </div>
        ))}
        <div className="when-axis">
          {chooseTicks(from, to).map((tick) => (
            <span key={tick} style={{ "--at": place(tick) }}>
              {labelTick(tick, from, to)}
            </span>
          ))}
        </div>
      </div>
    </section>
  );
}

export interface OtherRow {
  rollout: RolloutDto;
  more: number;
  place: string;
  href: string;
  refusal: string | null;
}

/** What else changed in the environment, each with its own way back: the page often names the victim. */
export function Others({ environment, minutes, rows }: { environment: string; minutes: number; rows: readonly OtherRow[] }) {
  return (
    <section aria-labelledby="others" className="night-others">
      <SectionHead id="others" title={`What else changed in ${environment}`} note={`the last ${minutes} min`} end="UTC" />
      {rows.length === 0 ? (
        <p className="night-none">
          <StatusShape kind="check" label="nothing" /> Nothing else did.
        </p>
      ) : (
        <ul>
          {rows.map(({ rollout, more, place, href, refusal }) => {
            const progress = describeProgress(rollout);
            return (
              <li key={rollout.id} className="night-other">
                <Timestamp className="mono" at={rollout.createdAt} show="time" zone={false} />
                <span className="night-other-words">
                  <b>
                    {rollout.service}
                    {rollout.partition === "default" ? "" : ` / ${rollout.partition}`}
                  </b>{" "}
                  {describeChange(rollout)}
                  <span className="muted block">
                    <StatusShape kind={progress.shape} size={12} /> {progress.words}, by {rollout.startedBy}
                    {more > 0 ? `; ${more} earlier ${more === 1 ? "change" : "changes"}` : ""}.{" "}
                    <Link className="link night-aside" href={`/rollouts/${rollout.id}`} prefetch={false}>
                      R-{rollout.number}
                    </Link>
                  </span>
                </span>
                {refusal ? (
                  <Button disabledReason={refusal} aria-label={`Roll back ${rollout.service}`}>
                    Roll back…
                  </Button>
                ) : (
                  <RollbackLink place={place} href={href} label={`Roll back ${rollout.service} in ${environment}`}>
                    Roll back…
                  </RollbackLink>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
