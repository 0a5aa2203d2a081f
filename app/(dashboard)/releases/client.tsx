"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useQueryState } from "nuqs";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { QueryState } from "@/app/(dashboard)/query-state";
import { useStart } from "@/app/(dashboard)/start/use-start";
import { NO_EVIDENCE, plural } from "@/app/(dashboard)/words";
import { Button, ButtonLink } from "@/components/ui/button";
import { Chip, Chips } from "@/components/ui/chip";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { formatCount } from "@/components/ui/format";
import { Tag } from "@/components/ui/kbd";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { Page } from "@/lib/contract/primitives";
import type { ApprovalDto, ReleaseDto } from "@/lib/contract/releases";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { postJson } from "@/lib/queries/api-client";
import { releasesQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { releasesParams } from "./search-params";

type Approval = { release: ReleaseDto; environment: string };

export function ReleasesPage() {
  const [service] = useQueryState("service", releasesParams.service);
  const query = useQuery({ ...releasesQuery(service), placeholderData: (previous) => previous });
  return (
    <QueryState query={query} title="Releases">
      {(page) => <Releases page={page} />}
    </QueryState>
  );
}

function Releases({ page }: { page: Page<ReleaseDto> }) {
  const [service, setService] = useQueryState("service", releasesParams.service);
  const [approving, setApproving] = useState<Approval | null>(null);
  const services = [...new Set(page.items.map((release) => release.service))].toSorted();
  const waiting = page.items.filter((release) => !release.recalled && release.approvals.some((approval) => !approval.approved && approval.required > 0)).length;
  return (
    <>
      <Verdict
        parts={[
          { strong: `${formatCount(page.items.length)}${page.nextCursor ? "+" : ""} ${plural(page.items.length, "release")}` },
          waiting > 0 ? `; ${formatCount(waiting)} ${plural(waiting, "is", "are")} not approved everywhere.` : page.items.length > 0 ? ", approved wherever that is asked for." : ".",
        ]}
        sub="A release is what its digests say, not its tag. On a protected environment somebody else approves than who registered, wrote or triggered it."
      />
      <SectionHead
        title="Releases"
        note="newest first"
        end={
          <Chips label="Filter by service">
            {service ? (
              <Chip removable onClick={() => void setService(null)}>
                {service}
              </Chip>
            ) : services.length > 1 ? (
              services.slice(0, 8).map((name) => (
                <Chip key={name} add onClick={() => void setService(name)}>
                  {name}
                </Chip>
              ))
            ) : null}
          </Chips>
        }
      />
      {page.items.length === 0 ? (
        <StateView
          kind="empty"
          title={service ? `${service} has no release.` : "No release is registered yet."}
          body={service ? null : <>CI registers one with <code>plumbline release register</code>; the server hashes the manifests itself.</>}
          actions={service ? <Button onClick={() => void setService(null)}>Show all services</Button> : null}
        />
      ) : (
        <Table label="Releases" stack>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Version</th>
              <th scope="col">Digest</th>
              <th scope="col">Registered, UTC</th>
              <th scope="col">By</th>
              <th scope="col">Approvals</th>
            </tr>
          </thead>
          <tbody>
            {page.items.map((release) => (
              <tr key={release.id}>
                <HangingCell tone={release.recalled ? "critical" : undefined}>
                  <Link className="row-link" href={`/services/${encodeURIComponent(release.service)}`}>
                    {release.service}
                  </Link>
                </HangingCell>
                <td data-phone="end">
                  <b>{release.version}</b> {release.kind === "hotfix" ? <Tag>hotfix</Tag> : null}
                  {release.adopted ? <span className="muted">{NO_EVIDENCE}</span> : null}
                  {release.recalled ? (
                    <span className="tone" data-tone="critical">
                      {" "}
                      recalled
                    </span>
                  ) : null}{" "}
                  {release.recalled ? (
                    <ButtonLink size="small" href={`/rollouts/groups/new?${new URLSearchParams({ kind: "recall", service: release.service, version: release.version })}`} aria-label={`Respond to the recall of ${release.service} ${release.version}`}>
                      Respond…
                    </ButtonLink>
                  ) : null}
                </td>
                <td>
                  <span className="row-acts">
                    {release.components.map((component) => (
                      <span key={component.name} className="row-flex">
                        {release.components.length > 1 ? <span className="muted">{component.name}</span> : null}
                        <DigestStripe digest={component.digest} copyable />
                      </span>
                    ))}
                  </span>
                </td>
                <td data-phone="end">
                  <Timestamp at={release.registeredAt} zone={false} />
                </td>
                <td data-phone="hide">{release.registeredBy}</td>
                <td className="wraps" data-phone="wide">
                  <Approvals release={release} onApprove={(environment) => setApproving({ release, environment })} />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {page.nextCursor ? <p className="more muted">Older ones are not shown; filter by service to see them.</p> : null}
      {approving ? <Approve {...approving} onClose={() => setApproving(null)} /> : null}
    </>
  );
}

function Approvals({ release, onApprove }: { release: ReleaseDto; onApprove: (environment: string) => void }) {
  const refusal = useRefusal();
  const [, open] = useStart();
  return (
    <span className="row-acts">
      {release.approvals.map((approval) => (
        <span key={approval.environment} className="row-flex">
          <StatusShape kind={approval.approved && !release.recalled ? "check" : "neutral"} size={12} />
          {approval.environment}
          <span className="muted">{approval.adopted && approval.standing < Math.max(1, approval.required) ? NO_EVIDENCE : approval.required === 0 ? "needs none" : `${approval.standing} of ${approval.required}`}</span>
          {!approval.approved && !release.recalled ? (
            <Button
              size="small"
              aria-label={`Approve ${release.service} ${release.version} for ${approval.environment}`}
              disabledReason={refusal("releases.approve", { service: release.service, environment: approval.environment })}
              onClick={() => onApprove(approval.environment)}
            >
              Approve…
            </Button>
          ) : null}
          {approval.approved && !release.recalled ? (
            <Button
              size="small"
              aria-label={`Promote ${release.service} ${release.version} to ${approval.environment}`}
              disabledReason={refusal("rollouts.promote", { service: release.service, environment: approval.environment })}
              onClick={() => open({ kind: "promote", service: release.service, environment: approval.environment, partition: DEFAULT_PARTITION, version: release.version, targets: null })}
            >
              Promote…
            </Button>
          ) : null}
        </span>
      ))}
    </span>
  );
}

function Approve({ release, environment, onClose }: Approval & { onClose: () => void }) {
  const client = useQueryClient();
  return (
    <ActDialog
      title={`Approve ${release.service} ${release.version} for ${environment}`}
      label={`Approve for ${environment}`}
      reason="optional"
      done={`${release.version} is approved for ${environment}.`}
      onClose={onClose}
      onAct={async (note, key) => {
        await postJson<ApprovalDto>("approvals", { service: release.service, version: release.version, environment, ...(note ? { note } : {}) }, key);
        await client.invalidateQueries({ queryKey: ["releases"] });
      }}
    >
      <p>It may then be assigned there. It stands in the ledger under your name; you can withdraw it.</p>
      <ul className="plain-list">
        {release.components.map((component) => (
          <li key={component.name}>
            {component.name} <DigestStripe digest={component.digest} /> <span className="muted wrap-anywhere">{component.reference ?? component.repository}</span>
          </li>
        ))}
      </ul>
      <p className="muted">
        Registered by {release.registeredBy}
        {release.authors.length > 0 ? `, written by ${release.authors.join(", ")}` : ""}.
      </p>
    </ActDialog>
  );
}
