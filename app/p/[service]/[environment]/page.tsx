import type { Metadata } from "next";
import { cookies } from "next/headers";
import Link from "next/link";
import { notFound } from "next/navigation";
import { orNotFound } from "@/app/prefetched";
import { formatPlace, parsePlace } from "@/app/(dashboard)/rollback/place";
import { describeStopHere, rolloutName, toEvents } from "@/app/(dashboard)/rollouts/to-rollout";
import { Live } from "@/app/p/live";
import { NightDialogs } from "@/app/p/night-dialogs";
import { RollbackLink } from "@/app/p/rollback-link";
import { Steer } from "@/app/p/steer";
import { EventList } from "@/components/rollouts/event-list";
import { Shell } from "@/components/shell/shell";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { formatCount, formatDateTime } from "@/components/ui/format";
import { THEME_COOKIE, parseTheme } from "@/components/ui/preferences";
import { ProportionBar } from "@/components/ui/proportion-bar";
import { ReleaseLine } from "@/components/ui/release-line";
import { StatusShape } from "@/components/ui/status-shape";
import { RowMark } from "@/components/ui/table";
import { SectionHead, Sentence } from "@/components/ui/verdict";
import { shortText } from "@/lib/contract/primitives";
import type { RolloutDto, RolloutPreview } from "@/lib/contract/rollouts";
import { explainMissing, may } from "@/lib/domain/access/permissions";
import type { Verb } from "@/lib/domain/access/permissions";
import { isActiveRollout } from "@/lib/domain/rollout/statuses";
import { getPageContext } from "@/server/auth/page-context";
import type { Ctx } from "@/server/context";
import { getService } from "@/server/drift/get-service";
import { AppError } from "@/server/errors";
import { getRollout } from "@/server/rollouts/get-rollout";
import { listRollouts } from "@/server/rollouts/list-rollouts";
import { previewRollout } from "@/server/rollouts/preview-rollout";
import { Health, Others, WhenAxis, Witness } from "./night-parts";
import type { AxisRow, OtherRow } from "./night-parts";
import type { NightPlace } from "./to-night";
import { WINDOW_MS, carryOn, chooseRow, describeNight, describeProgress, describeWayBack, isLeft, lastChange, momentWords, proposeReason, readAlertTime, toHealthBars, toOthers, windowStart } from "./to-night";
import "@/app/pages.css";
import "@/app/p/night.css";

type Query = Record<string, string | string[] | undefined>;
type Props = { params: Promise<{ service: string; environment: string }>; searchParams: Promise<Query> };

const MOST_EVENTS = 8;
const MOST_OTHERS = 100;

function single(query: Query, name: string): string | null {
  const value = query[name];
  return typeof value === "string" && value !== "" ? value : null;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { service, environment } = await params;
  return { title: `${decodeURIComponent(service)} in ${decodeURIComponent(environment)}` };
}

/** What cannot be looked up is left out, and said so; the page still stands. Other failures are the page's own. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** The last known good; where there is none, the assigned release, put back where something else runs. */
async function previewWayBack(ctx: Ctx, here: NightPlace): Promise<RolloutPreview> {
  const good = await previewRollout({ ctx, input: { kind: "rollback", ...here } });
  if (good.to !== null || good.assigned === null) return good;
  const back = await previewRollout({ ctx, input: { kind: "rollback", ...here, version: good.assigned.version } });
  return back.allowed ? back : good;
}

/**
 * Where the pager leads, drawn by the server: complete without a script, down to the form behind its button. A script
 * keeps it live and opens the rollback in place.
 */
export default async function NightPage({ params, searchParams }: Props) {
  const [ctx, names, query, jar] = await Promise.all([getPageContext(), params, searchParams, cookies()]);
  const place = parsePlace(`${decodeURIComponent(names.service)}/${decodeURIComponent(names.environment)}`);
  if (!place) notFound();
  const nowMs = Date.now();
  const alertMs = readAlertTime(single(query, "at"), nowMs);
  const incident = shortText.safeParse(single(query, "incident")).data ?? null;
  const from = windowStart(alertMs, nowMs);

  const service = await orNotFound(getService({ ctx, input: { service: place.service } }));
  const row = chooseRow(service, place.environment, single(query, "partition"));
  if (!row) notFound();
  const here = { service: service.name, environment: row.environment.name, partition: row.partition };
  const change = lastChange(service, row);
  const latestId = row.rollout?.id ?? service.history.find((item) => item.environment === here.environment && item.partition === here.partition)?.rollout ?? null;
  const [preview, recent, latest] = await Promise.all([
    unlessRefused(previewWayBack(ctx, here)),
    listRollouts({ ctx, input: { environment: here.environment, since: new Date(from).toISOString(), limit: MOST_OTHERS } }),
    latestId === null ? null : unlessRefused(getRollout({ ctx, input: { id: latestId } })),
  ]);
  const active = latest && isActiveRollout(latest.status) ? latest : null;
  const others = toOthers(recent.items, here);
  const refused = (verb: Verb, where: { service: string; environment: string }): string | null => explainRefused(ctx, verb, where, nowMs);

  const reason = proposeReason({ incident, change, alertMs, nowMs });
  const reasons: Record<string, string> = { [formatPlace(here)]: reason };
  const rows = others.map(({ rollout, more }): OtherRow => {
    const there = { service: rollout.service, environment: rollout.environment, partition: rollout.partition };
    const words = proposeReason({ incident, change: { version: rollout.to?.version ?? null, at: rollout.createdAt }, alertMs, nowMs });
    reasons[formatPlace(there)] = words;
    return { rollout, more, place: formatPlace(there), href: carryOn(there, { incident, reason: words }), refusal: refused("rollouts.rollback", there) };
  });
  const axis = toAxis(here.service, recent.items, from);
  const left = isLeft({ to: preview?.to ?? null, latest, hold: row.hold });
  const settled = left || active?.kind === "rollback";
  const way = describeWayBack(preview, left);
  const bars = toHealthBars(row);
  const hurts = bars.some((bar) => bar.tone === "critical");
  const fleet = `/rollouts/groups/new?kind=as-of&environment=${encodeURIComponent(here.environment)}&at=${encodeURIComponent(new Date(change ? Math.min(Date.parse(change.at) - 60_000, alertMs ?? nowMs) : (alertMs ?? nowMs)).toISOString())}`;
  const rollBackRefusal = refused("rollouts.rollback", here) ?? (preview && preview.candidates.every((candidate) => !candidate.eligible) && !preview.allowed ? way.sentences.join(" ") || way.title : null);

  return (
    <Shell
      user={{ name: ctx.actor.name, email: [...new Set(ctx.actor.roles.map((held) => held.role))].join(", ") }}
      theme={parseTheme(jar.get(THEME_COOKIE)?.value)}
      live={<Live service={here.service} moving={active !== null} />}
      demo={ctx.config.demo}
      signOut={ctx.config.demo ? undefined : { action: "/sign-out" }}
    >
      <div className="night">
        <div className="night-top">
          <div className="night-head">
            <RowMark tone={alertMs !== null || hurts ? "alert" : active ? "rolling" : "match"} />
            <p className="night-alert" data-tone={alertMs === null ? "neutral" : "alert"}>
              {alertMs === null && incident === null ? (
                <span className="muted">
                  <Link className="link" href={`/services/${encodeURIComponent(here.service)}?environment=${encodeURIComponent(here.environment)}`} prefetch={false}>
                    {here.service}
                  </Link>{" "}
                  / {here.environment}
                  {here.partition === "default" ? "" : ` / ${here.partition}`}
                </span>
              ) : (
                <>
                  <b className="tone wrap-anywhere">{incident ?? "Alert"}</b>{" "}
                  {alertMs === null ? null : (
                    <span className="muted">
                      fired <Age at={alertMs} suffix="ago" />, {momentWords(alertMs, nowMs)}
                    </span>
                  )}
                </>
              )}
            </p>
            <h1>
              <Sentence parts={describeNight({ service: service.name, row, change, active, alertMs, nowMs, others: new Set(others.map((other) => other.rollout.service)).size })} />
            </h1>
          </div>
          <dl className="night-facts">
            {row.running.slice(0, 3).map((running, index) => (
              <div key={`${running.version ?? running.digest ?? ""} ${index}`}>
                <dt>{index === 0 ? "Running" : "And"}</dt>
                <dd>
                  <ReleaseLine version={running.version} digest={running.digest} otherwise="not registered" />
                  <span className="muted">
                    {formatCount(running.instances)} of {formatCount(row.instances)}
                  </span>
                </dd>
              </div>
            ))}
            {row.running.length === 0 ? (
              <div>
                <dt>Running</dt>
                <dd>
                  <StatusShape kind="unknown" /> <span className="muted">No copy of it is reported here.</span>
                </dd>
              </div>
            ) : null}
            <div>
              <dt>{left ? "Left" : "Before"}</dt>
              <dd>
                {preview?.to ? <ReleaseLine version={preview.to.version} digest={preview.to.digest} mark={preview.to.adopted ? "adopted, no evidence" : undefined} /> : <span className="muted">no release is known to go back to</span>}
                {preview?.to ? <span className="muted">{left ? "a rollback left it" : preview.weakEvidence ? "weak evidence" : preview.kind === "reconverge" ? "as assigned" : "last known good"}</span> : null}
              </dd>
            </div>
            {latest ? (
              <div>
                <dt>Rollout</dt>
                <dd>
                  <span className="row-flex">
                    <StatusShape kind={describeProgress(latest).shape} />
                    <b>{describeProgress(latest).words}</b>
                  </span>
                  <Link className="link" href={`/rollouts/${latest.id}`} prefetch={false}>
                    {rolloutName(latest)}
                  </Link>
                  <span className="muted">
                    {latest.kind} by {latest.startedBy}
                    {latest.statusReason ? `. ${latest.statusReason}` : ""}
                  </span>
                </dd>
              </div>
            ) : null}
          </dl>
          {active ? (
            <div className="night-progress">
              <ProportionBar
                parts={[
                  { tone: "stuck", count: active.counts.stuck + active.counts.failed, label: "stuck" },
                  { tone: "rolling", count: active.counts.inFlight, label: "in flight" },
                  { tone: "match", count: active.counts.verified, label: "verified" },
                  { tone: "neutral", count: active.counts.waiting, label: "waiting" },
                ]}
              />
              {active.waitingFor ? <p className="muted">Waits: {active.waitingFor}</p> : null}
            </div>
          ) : null}
          <div className="night-acts">
            <p className="night-hint">
              <span>{rollBackRefusal || settled ? "" : preview?.confirm === "hold" ? "One tap, then one hold" : preview?.confirm === "type" ? "One tap, then the name typed" : "One tap, then one click"}</span>
              {row.oldestReportAt ? (
                <span>
                  Oldest report <Age at={row.oldestReportAt} />
                </span>
              ) : null}
            </p>
            <div className="night-buttons">
              {rollBackRefusal ? (
                <Button look="act" size="large" disabledReason={rollBackRefusal}>
                  <StatusShape kind="back" size={20} /> Roll back{preview?.to && !left ? ` to ${preview.to.version}` : ""}
                </Button>
              ) : (
                <RollbackLink place={formatPlace(here)} href={carryOn(here, { incident, reason })} look={settled ? "plain" : "act"} size="large">
                  <StatusShape kind="back" size={20} /> {preview?.to && preview.allowed && !settled ? `${preview.kind === "reconverge" ? "Put back on" : "Roll back to"} ${preview.to.version}` : "Roll back…"}
                </RollbackLink>
              )}
              {active ? (
                <Steer
                  rollout={{ id: active.id, name: rolloutName(active), paused: active.status === "paused", leaves: describeStopHere(active), before: active.from?.version ?? null }}
                  refusal={{ pause: refused("rollouts.pause", here), abort: refused("rollouts.abort", here) }}
                />
              ) : null}
            </div>
          </div>
        </div>

        <div className="night-evidence">
          <SectionHead title="Is it this release?" note={row.silent > 0 ? `${formatCount(row.instances - row.silent)} of ${formatCount(row.instances)} reported` : `${formatCount(row.instances)} of ${formatCount(row.instances)} reported`} />
          <Health bars={bars} oldestReportAt={row.oldestReportAt} />
          <WhenAxis rows={axis} from={from} to={nowMs} alertMs={alertMs} />
          <ul>
            {row.silent > 0 ? (
              <Witness shape="unknown" label="not known" title={`${formatCount(row.silent)} of ${formatCount(row.instances)} are silent`}>
                What runs there is unknown.
              </Witness>
            ) : null}
            <Witness shape={others.length === 0 ? "check" : "drift"} label={others.length === 0 ? "holds" : "look at it"} title={others.length === 0 ? "Nothing else changed here" : `${formatCount(others.length)} other ${others.length === 1 ? "change" : "changes"} here`} aside={`${WINDOW_MS / 60_000} min`}>
              {others.length === 0 ? `No other service in ${here.environment} was rolled out.` : `${others.slice(0, 4).map(({ rollout }) => rollout.service).join(", ")}${others.length > 4 ? " and more" : ""}: listed below, each with its own way back.`}
            </Witness>
            <Witness shape={way.ok === null ? "unknown" : way.ok ? "check" : "cross"} label={way.ok === null ? "not known" : way.ok ? "holds" : "does not hold"} title={way.title} aside={preview ? <Age at={preview.asOf} suffix="ago" /> : null}>
              {way.sentences.map((sentence) => (
                <p key={sentence}>{sentence}</p>
              ))}
            </Witness>
            {row.hold ? (
              <Witness shape="lock" label="held" title="Promotions are held here" aside={<Age at={row.hold.at} suffix="ago" />}>
                {row.hold.version ? `${row.hold.version} stays away` : "Nothing is promoted"} until somebody lifts it; placed by {row.hold.by}.
              </Witness>
            ) : null}
          </ul>
        </div>

        <div className="night-rest">
          <Others environment={here.environment} minutes={Math.round((nowMs - from) / 60_000)} rows={rows} />
          {latest && latest.events.length > 0 ? (
            <section className="section" aria-labelledby="events">
              <SectionHead id="events" title="Recent events" note={rolloutName(latest)} end="UTC" />
              <EventList label="Recent events" events={toEvents(latest).slice(0, MOST_EVENTS)} />
            </section>
          ) : null}
          <section className="section" aria-labelledby="otherwise">
            <SectionHead id="otherwise" title="Not the release?" />
            <ul className="night-ways">
              <li>
                <Link href={fleet} prefetch={false}>
                  Put {here.environment} back to a moment: several services, one confirmation <StatusShape kind="right" size={12} />
                </Link>
              </li>
              <li>
                <Link href={`/drift?environment=${encodeURIComponent(here.environment)}`} prefetch={false}>
                  What runs in {here.environment} that nobody decided <StatusShape kind="right" size={12} />
                </Link>
              </li>
              <li>
                <Link href={`/services/${encodeURIComponent(here.service)}?environment=${encodeURIComponent(here.environment)}`} prefetch={false}>
                  All instances of {here.service} <StatusShape kind="right" size={12} />
                </Link>
              </li>
            </ul>
            <p className="muted small night-asof">
              As of {formatDateTime(nowMs, true)} UTC
              {preview ? `, ledger entry ${formatCount(preview.ledgerSize)}` : ""}.
            </p>
          </section>
        </div>
      </div>
      <NightDialogs incident={incident} reasons={reasons} />
    </Shell>
  );
}

function explainRefused(ctx: Ctx, verb: Verb, where: { service: string; environment: string }, nowMs: number): string | null {
  const permission = may(ctx.actor, verb, where, nowMs);
  return permission.ok ? null : explainMissing(permission);
}

const MOST_AXIS_ROWS = 6;

/** Every service that changed, the page's own first, with a flag for each change in the window. */
function toAxis(service: string, rollouts: readonly RolloutDto[], from: number): AxisRow[] {
  const flags = new Map<string, AxisRow["flags"]>([[service, []]]);
  for (const rollout of rollouts.toSorted((a, b) => b.number - a.number)) {
    if (Date.parse(rollout.createdAt) < from) continue;
    const own = flags.get(rollout.service) ?? [];
    flags.set(rollout.service, [...own, { at: rollout.createdAt, label: rollout.to?.version ?? "stopped", named: own.length === 0 }]);
  }
  return [...flags].slice(0, MOST_AXIS_ROWS).map(([name, own]) => ({ key: name, name, own: name === service, flags: own }));
}
