"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { ConnectHost } from "@/app/(dashboard)/connect-host";
import { QueryState } from "@/app/(dashboard)/query-state";
import { markOf, plural } from "@/app/(dashboard)/words";
import { formatCount } from "@/components/ui/format";
import { Tag } from "@/components/ui/kbd";
import { ReleaseLine } from "@/components/ui/release-line";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { toneOfSeverity } from "@/components/ui/tone";
import { Verdict } from "@/components/ui/verdict";
import type { MatrixDto } from "@/lib/contract/fleet";
import { matrixQuery } from "@/lib/queries/queries";

export function ServicesPage() {
  const query = useQuery(matrixQuery());
  return (
    <QueryState query={query} title="Services">
      {(dto) => <Services dto={dto} />}
    </QueryState>
  );
}

function Services({ dto }: { dto: MatrixDto }) {
  const unadopted = dto.rows.filter((row) => !row.adopted).length;
  const environments = [...dto.environments].sort((a, b) => a.ordinal - b.ordinal);
  return (
    <>
      <Verdict
        parts={[{ strong: `${formatCount(dto.rows.length)} ${plural(dto.rows.length, "service")}` }, unadopted > 0 ? `, ${formatCount(unadopted)} of them seen but without a release.` : "."]}
        sub={<>Worst first. Releases and approvals: <Link className="link" href="/releases">all releases</Link>.</>}
      />
      {dto.rows.length === 0 ? (
        dto.totals.agents === 0 ? <ConnectHost /> : <StateView kind="empty" title="No service yet." body="Register a release, or give a container the label plumbline.service." />
      ) : (
        <Table label="Services" stack>
          <thead>
            <tr>
              <th scope="col">Service</th>
              {environments.map((environment) => (
                <th scope="col" key={environment.name}>
                  {environment.name} {environment.protected ? <Tag>protected</Tag> : null}
                </th>
              ))}
              <th scope="col" className="num">
                Instances
              </th>
            </tr>
          </thead>
          <tbody>
            {dto.rows.map((row) => (
              <tr key={row.service}>
                <HangingCell tone={toneOfSeverity(row.severity)} data-phone="wide">
                  <Link className="row-link" href={`/services/${encodeURIComponent(row.service)}`}>
                    <b>{row.service}</b>
                  </Link>
                  {row.adopted ? null : (
                    <>
                      {" "}
                      <Tag>no release yet</Tag>
                    </>
                  )}
                </HangingCell>
                {environments.map((environment) => {
                  const cell = row.cells.find((candidate) => candidate.environment === environment.name);
                  const release = cell?.assigned[0]?.release;
                  return (
                    <td key={environment.name} data-phone={cell ? "wide" : "hide"}>
                      {cell ? (
                        <span className="row-flex">
                          <StatusShape kind={toneOfSeverity(cell.severity)} size={12} label={cell.severity === "match" ? "as assigned" : cell.severity} />
                          <span className="phone-only muted">{environment.name}</span>
                          <ReleaseLine version={release?.version ?? null} digest={release?.digest ?? null} mark={markOf(release)} otherwise="nothing assigned" />
                        </span>
                      ) : null}
                    </td>
                  );
                })}
                <td className="num" data-phone="hide">
                  {formatCount(row.cells.reduce((sum, cell) => sum + cell.instances, 0))}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </>
  );
}
