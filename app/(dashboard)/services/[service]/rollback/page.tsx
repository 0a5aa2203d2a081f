import { randomUUID } from "node:crypto";
import type { Metadata } from "next";
import { headers } from "next/headers";
import Link from "next/link";
import { notFound } from "next/navigation";
import { createLoader, parseAsString } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { orNotFound } from "@/app/prefetched";
import { parsePlace } from "@/app/(dashboard)/rollback/place";
import { describeDisabled, toStartView } from "@/app/(dashboard)/start/to-start-view";
import { Managers } from "@/components/rollouts/managers";
import { startWords } from "@/components/rollouts/prepare-start";
import { StartBody } from "@/components/rollouts/start-body";
import { Input } from "@/components/ui/field";
import { Verdict } from "@/components/ui/verdict";
import { previewQuery } from "@/lib/contract/rollouts";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { explainMissing, may } from "@/lib/domain/access/permissions";
import { makeFormToken } from "@/server/auth/form-token";
import { getPageContext } from "@/server/auth/page-context";
import { previewRollout } from "@/server/rollouts/preview-rollout";

export const metadata: Metadata = { title: "Roll back" };

const loadParams = createLoader({
  environment: parseAsString.withDefault(""),
  partition: parseAsString.withDefault(DEFAULT_PARTITION),
  version: parseAsString,
  incident: parseAsString.withDefault(""),
  reason: parseAsString.withDefault(""),
});

/** The rollback as a page of its own: complete without a script, down to the form that sends it. */
export default async function Page({ params, searchParams }: { params: Promise<{ service: string }>; searchParams: Promise<SearchParams> }) {
  const [ctx, { service }, { environment, partition, version, incident, reason }] = await Promise.all([getPageContext(), params, loadParams(searchParams)]);
  const place = parsePlace(`${decodeURIComponent(service)}/${environment}/${partition}`);
  if (!place) notFound();
  const input = previewQuery.safeParse({ ...place, version: version ?? undefined });
  if (!input.success) notFound();
  const first = await orNotFound(previewRollout({ ctx, input: { kind: "rollback", ...input.data } }));
  // Nothing older to go back to: what is left is putting the assigned release back where something else runs.
  const preview = first.to === null && first.assigned && version === null ? await previewRollout({ ctx, input: { kind: "rollback", ...input.data, version: first.assigned.version } }) : first;
  const view = toStartView(preview);
  const permission = may(ctx.actor, "rollouts.rollback", place, Date.parse(preview.asOf));
  const here = `/services/${encodeURIComponent(place.service)}/rollback?${new URLSearchParams({ environment: place.environment, partition: place.partition, ...(incident && { incident }), ...(reason && { reason }) })}`;
  return (
    <>
      <Verdict
        crumb={
          <>
            <Link className="link" href={`/services/${encodeURIComponent(place.service)}`}>
              {place.service}
            </Link>{" "}
            / {place.environment}
          </>
        }
        parts={[startWords({ ...view, to: view.to.version }).title]}
      />
      <div className="rollback-page">
        <StartBody
          view={view}
          progress={{ kind: "ready" }}
          before={<Managers ways={preview.ways} executor={preview.executor} />}
          formAction="/api/v1/rollbacks/form"
          hiddenFields={{ ...place, version: preview.to?.version ?? "", revision: preview.revision, formToken: makeFormToken(ctx.keys, await headers()), idempotencyKey: randomUUID() }}
          initialReason={reason.slice(0, 2_000)}
          disabledReason={permission.ok ? describeDisabled(preview, { forwardFix: true }) : explainMissing(permission)}
          chooser={
            <>
              <ul className="plain-list" aria-label="Releases to go to">
                {preview.candidates.map((candidate) => (
                  <li key={candidate.id}>
                    {candidate.eligible && candidate.id !== preview.to?.id ? (
                      <Link className="link" href={`${here}&version=${encodeURIComponent(candidate.version)}`}>
                        {candidate.version}
                      </Link>
                    ) : (
                      <b>{candidate.version}</b>
                    )}
                    {candidate.id === preview.to?.id ? ", chosen" : null}
                    {candidate.lastKnownGood ? ", last known good" : null}
                    {candidate.eligible ? null : <span className="muted"> {candidate.reasons.map((reason) => reason.sentence).join(" ")}</span>}
                  </li>
                ))}
              </ul>
              <Input label="Incident, if there is one" name="incident" maxLength={200} autoComplete="off" defaultValue={incident.slice(0, 200)} />
            </>
          }
        />
      </div>
    </>
  );
}
