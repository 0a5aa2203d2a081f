import { plural } from "@/app/(dashboard)/words";
import { Age } from "@/components/ui/age";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { formatCount } from "@/components/ui/format";
import { HangingCell, Table } from "@/components/ui/table";
import { SectionHead } from "@/components/ui/verdict";
import type { ServiceDto } from "@/lib/contract/fleet";

/** Runs that are over, however many there were: one line per target and bytes. */
export function Runs({ service }: { service: ServiceDto }) {
  if (service.runs.length === 0) return null;
  return (
    <section className="section" aria-labelledby="runs">
      <SectionHead id="runs" title="Runs" note="jobs, one-shots, and what was over before a report could show it" />
      <Table label={`Runs of ${service.name}`} dense stack>
        <thead>
          <tr>
            <th scope="col">Target</th>
            <th scope="col">Where</th>
            <th scope="col">Ran</th>
            <th scope="col" className="num">
              Runs
            </th>
            <th scope="col" className="num">
              Last
            </th>
          </tr>
        </thead>
        <tbody>
          {service.runs.map((row) => (
            <tr key={`${row.agent} ${row.target} ${row.digest ?? ""}`}>
              <HangingCell tone={row.lastExit === null || row.lastExit === 0 ? "neutral" : "alert"} className="mono" data-phone="wide">
                {row.target}
              </HangingCell>
              <td>
                {row.environment}, {row.agent}
              </td>
              <td data-phone="end">{row.digest === null ? <span className="muted">bytes not told</span> : <><span>{row.version ?? "not registered"}</span> <DigestStripe digest={row.digest} /></>}</td>
              <td className="num">
                {formatCount(row.runs)} {plural(row.runs, "run")}
                {row.failed > 0 ? `, ${formatCount(row.failed)} failed` : null}
              </td>
              <td className="num" data-phone="end">
                {row.lastExit === null ? null : `exit ${row.lastExit}, `}
                <Age at={row.lastAt} suffix="ago" />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}
