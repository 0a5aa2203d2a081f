"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { Journal } from "@/app/(dashboard)/journal";
import { journalOf } from "@/app/(dashboard)/to-journal";
import { QueryState } from "@/app/(dashboard)/query-state";
import { NO_EVIDENCE } from "@/app/(dashboard)/words";
import { toFindingRow } from "@/app/(dashboard)/drift/to-drift";
import { FindingsTable } from "@/components/drift/findings-table";
import { InstanceLane } from "@/components/instances/instance-lane";
import { RawReport } from "@/components/instances/raw-report";
import { SideBySide } from "@/components/instances/side-by-side";
import { Age } from "@/components/ui/age";
import { useNow } from "@/components/ui/clock";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { InstanceDetail } from "@/lib/contract/fleet";
import { instanceQuery } from "@/lib/queries/queries";
import { describeInstance, describeLastExit, describeMutated, toInstanceLane, toneOfInstance } from "./to-instance";

export function InstancePage({ id }: { id: string }) {
  const query = useQuery(instanceQuery(id));
  return (
    <QueryState query={query} title="Instance">
      {(instance) => <Instance instance={instance} />}
    </QueryState>
  );
}

function Instance({ instance }: { instance: InstanceDetail }) {
  const now = Math.floor(useNow() / 60_000) * 60_000 + 60_000;
  const { assigned, running } = instance;
  const differs = assigned?.digest !== running.digest;
  const serviceHref = instance.service ? `/services/${encodeURIComponent(instance.service)}?environment=${encodeURIComponent(instance.environment)}` : null;
  return (
    <>
      <Verdict
        crumb={
          <>
            {serviceHref ? (
              <Link className="link" href={serviceHref}>
                {instance.service}
              </Link>
            ) : (
              "no service"
            )}{" "}
            / {instance.environment}
            {instance.partition === "default" ? null : ` / ${instance.partition}`} / {instance.component}, target {instance.target.key} on {instance.agent.name}
            {instance.region ? `, ${instance.region}` : null}
          </>
        }
        parts={describeInstance(instance)}
        sub={
          instance.ended ? (
            <>
              Last seen <Timestamp at={instance.ended.at} />. What follows is of then.
            </>
          ) : (
            <>
              Last report <Age at={instance.lastReportAt} suffix="ago" />; unchanged since <Timestamp at={instance.factsSince} />.
            </>
          )
        }
      />
      {instance.freshness === "fresh" ? null : <StateView kind="stale" since={instance.lastReportAt} body={instance.freshness === "silent" ? "Its agent is silent: what runs now is unknown." : "Its agent is late."} />}
      <SideBySide
        tone={toneOfInstance(instance)}
        runningNote={
          <>
            reported <Age at={instance.lastReportAt} suffix="ago" />
          </>
        }
        assigned={{
          version: assigned?.version ?? null,
          otherwise: "nothing assigned",
          digest: assigned?.digest ?? null,
          facts: [
            ...(assigned?.adopted ? [{ name: "Evidence", value: NO_EVIDENCE }] : []),
            { name: "Component", value: instance.component },
            { name: "May act", value: instance.canAct ? "yes" : (instance.cannotActReason ?? "no: this host does not allow it (--act)") },
            { name: "Managed by", value: instance.managedBy ? `${instance.managedBy.tool}${instance.managedBy.name ? ` ${instance.managedBy.name}` : ""}${instance.managedBy.autoSync ? ", puts its own version back" : ""}` : "nobody else" },
            { name: "Generation", value: instance.generation === null ? "none" : formatCount(instance.generation) },
          ],
        }}
        running={{
          version: running.version,
          otherwise: "not registered",
          digest: running.digest,
          facts: [
            { name: "Image", value: <span className="mono wrap-anywhere">{running.reference ?? "not told"}</span>, differs: differs && assigned !== null },
            { name: "State", value: instance.state, differs: instance.state !== "running" },
            { name: "Health", value: instance.health === "unknown" ? "no check" : instance.health, differs: instance.health === "unhealthy" },
            { name: "Started", value: instance.startedAt ? <Timestamp at={instance.startedAt} /> : "unknown" },
            { name: "Restarts", value: formatCount(instance.restarts) },
            { name: "Last exit", value: describeLastExit(instance) },
            { name: "Files changed", value: <span className="wrap-anywhere">{describeMutated(instance)}</span>, differs: (instance.mutated?.count ?? 0) > 0 },
          ],
        }}
      />
      {instance.findings.length > 0 ? (
        <section className="section" aria-label="Findings">
          <SectionHead title="Findings" note={`${formatCount(instance.findings.length)}`} />
          <FindingsTable label="Findings" rows={instance.findings.map((finding) => ({ ...toFindingRow(finding), detail: finding.waiver ? `${finding.sentence} Waived by ${finding.waiver.by}.` : finding.sentence }))} />
        </section>
      ) : null}
      <InstanceLane {...toInstanceLane(instance, now)} />
      <div className="two-columns">
        <Journal {...journalOf(instance)} names={false} />
        <section aria-label="Digests">
          <SectionHead title="Digests" note="all names of these bytes" />
          <Table label="Digests" dense>
            <tbody>
              {instance.digests.map((item) => (
                <tr key={item.digest}>
                  <th scope="row">{item.kind}</th>
                  <td>
                    <DigestStripe digest={item.digest} copyable />
                  </td>
                  <td className="wraps muted wrap-anywhere">{item.repository}</td>
                </tr>
              ))}
            </tbody>
          </Table>
        </section>
      </div>
      <RawReport report={instance.raw} />
    </>
  );
}
