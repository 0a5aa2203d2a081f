import type { Metadata } from "next";
import Link from "next/link";
import { createLoader } from "nuqs/server";
import type { SearchParams } from "nuqs/server";
import { orNotFound } from "@/app/prefetched";
import { DoctorCases } from "@/components/drift/doctor-cases";
import { VerdictList } from "@/components/drift/verdict-list";
import { StateView } from "@/components/ui/state-view";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import { doctorQuery } from "@/lib/contract/doctor";
import { getPageContext } from "@/server/auth/page-context";
import { readDoctor } from "@/server/drift/read-doctor";
import { notFound } from "next/navigation";
import { serviceParams } from "../search-params";

type Props = { params: Promise<{ service: string }>; searchParams: Promise<SearchParams> };

const loadParams = createLoader({ environment: serviceParams.environment });

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: `Why: ${decodeURIComponent((await params).service)}` };
}

/** Why a service looks the way it does. Read once, without a script: it answers a question of this moment. */
export default async function Page({ params, searchParams }: Props) {
  const [ctx, { service }, { environment }] = await Promise.all([getPageContext(), params, loadParams(searchParams)]);
  const asked = doctorQuery.safeParse({ service: decodeURIComponent(service), environment: environment ?? undefined });
  if (!asked.success) notFound();
  const doctor = await orNotFound(readDoctor({ ctx, input: asked.data }));
  const others = doctor.findings.map((finding, at) => ({ ...finding, key: `${finding.kind} ${at}`, where: [finding.subject, finding.environment].filter(Boolean).join(", ") }));
  return (
    <>
      <Verdict
        crumb={
          <>
            <Link className="link" href={`/services/${encodeURIComponent(doctor.service)}${environment ? `?environment=${encodeURIComponent(environment)}` : ""}`}>
              {doctor.service}
            </Link>
            {environment ? ` / ${environment}` : null} / why
          </>
        }
        parts={[{ shape: doctor.well ? "match" : "drift" }, doctor.summary]}
        sub={`The same in a terminal: plumbline doctor ${doctor.service}${environment ? ` --environment ${environment}` : ""}`}
      />
      {doctor.reasons.length > 0 ? (
        <section className="section" aria-label="Reasons">
          <SectionHead title="Why nothing is seen" />
          <ul className="plain-list">
            {doctor.reasons.map((reason) => (
              <li key={reason} className="wrap-anywhere">
                {reason}
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <DoctorCases cases={doctor.cases} />
      {doctor.more > 0 ? <StateView kind="empty" title={`And ${doctor.more} more sets of facts.`} body="Choose one environment to see them." /> : null}
      {others.length > 0 ? (
        <section className="section" aria-label="Other findings">
          <SectionHead title="Other open findings" note="about no single set of facts" />
          <VerdictList verdicts={others} />
        </section>
      ) : null}
    </>
  );
}
