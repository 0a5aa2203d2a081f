"use client";

import { useQuery } from "@tanstack/react-query";
import { ConnectHost } from "@/app/(dashboard)/connect-host";
import { NotAdopted } from "@/app/(dashboard)/drift/not-adopted";
import { QueryState } from "@/app/(dashboard)/query-state";
import { plural } from "@/app/(dashboard)/words";
import { Age } from "@/components/ui/age";
import { ButtonLink } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { AgentDto, MatrixDto } from "@/lib/contract/fleet";
import { agentsQuery, matrixQuery } from "@/lib/queries/queries";

/** How many hosts are named; the others are counted. */
const NAMED = 8;

export function WelcomePage() {
  const query = useQuery(matrixQuery());
  return (
    <QueryState query={query} title="Welcome">
      {(dto) => <Welcome dto={dto} />}
    </QueryState>
  );
}

function Welcome({ dto }: { dto: MatrixDto }) {
  const agents = useQuery(agentsQuery());
  const heard = (agents.data?.items ?? []).filter(({ state, lastReportAt }) => state !== "retired" && lastReportAt !== null);
  const undecided = dto.rows.some(({ cells }) => cells.some(({ categories }) => categories.some(({ category, instances }) => category === "not-adopted" && instances > 0)));
  return (
    <>
      <Verdict
        parts={heard.length > 0 ? [{ strong: `${formatCount(heard.length)} ${plural(heard.length, "host")}` }, ` ${plural(heard.length, "reports", "report")}. `, undecided ? "Take what runs as it is, and whatever differs from then on is drift." : "Nothing waits to be adopted."] : ["Nothing reports yet. Look at a simulated fleet, or connect a host."]}
        sub="Connecting changes nothing: an agent observes, and replaces nothing unless its own host says so."
      />
      {heard.length > 0 ? (
        <>
          <Heard agents={heard} />
          <NotAdopted matrix={dto} environment={null} service={null} />
          {undecided ? null : <StateView kind="empty" clear title="Everything that is known has been decided about." actions={<ButtonLink href="/fleet">Go to the fleet</ButtonLink>} />}
        </>
      ) : null}
      <div className="welcome-cards">
        <section aria-labelledby="demo">
          <SectionHead id="demo" title="Look at a simulated fleet" />
          <p>About 2,000 simulated instances in a folder and a ledger of their own, beside this installation. Break something, roll it back, throw it away.</p>
          <CopyBlock text="npm run demo" label="Copy the command" />
        </section>
        <section aria-labelledby="connect">
          <SectionHead id="connect" title={heard.length > 0 ? "Connect another host" : "Connect a host"} />
          <ConnectHost bare />
        </section>
      </div>
    </>
  );
}

function Heard({ agents }: { agents: readonly AgentDto[] }) {
  const latest = agents.toSorted((a, b) => (b.lastReportAt ?? "").localeCompare(a.lastReportAt ?? "", "en"));
  return (
    <section className="section" aria-labelledby="heard">
      <SectionHead id="heard" title="Heard" end={formatCount(agents.length)} />
      <ul className="plain-list">
        {latest.slice(0, NAMED).map((agent) => (
          <li key={agent.id}>
            <StatusShape kind={agent.state === "active" ? "check" : "unknown"} size={12} /> <b>{agent.name}</b> reported {agent.lastReportAt ? <Age at={agent.lastReportAt} suffix="ago" /> : null}
            <span className="muted">
              , {formatCount(agent.instances)} {plural(agent.instances, "instance")} in {agent.environments.join(", ")}
            </span>
          </li>
        ))}
      </ul>
      {agents.length > NAMED ? <p className="more muted">And {formatCount(agents.length - NAMED)} more.</p> : null}
    </section>
  );
}
