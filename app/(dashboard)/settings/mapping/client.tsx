"use client";

import { useQuery } from "@tanstack/react-query";
import { QueryState } from "@/app/(dashboard)/query-state";
import { SettingsNav } from "@/app/(dashboard)/settings/nav";
import { describeUnjudged, plural } from "@/app/(dashboard)/words";
import { formatCount } from "@/components/ui/format";
import { StateView } from "@/components/ui/state-view";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { MappingDto } from "@/lib/contract/mapping";
import { describeRule } from "@/lib/domain/fleet/describe-mapping";
import { mappingQuery } from "@/lib/queries/queries";
import { EditMapping } from "./edit-mapping";
import { describeMapping } from "./read-set";

/** Whose containers are: the rules in order, with what they ignore, a form for the next version, and the versions before. */
export function MappingPage() {
  const query = useQuery(mappingQuery());
  return (
    <QueryState query={query} title="Mapping">
      {(dto) => (
        <>
          <Verdict
            parts={[describeMapping(dto)]}
            sub={`Each field is decided by the first rule that matches and sets it, then by labels and images. ${describeUnjudged({ unmapped: dto.unmapped, ignored: 0, rules: 0 })}`.trim()}
          />
          <SettingsNav />
          <Rules dto={dto} />
          <EditMapping dto={dto} />
          <History dto={dto} />
        </>
      )}
    </QueryState>
  );
}

function Rules({ dto }: { dto: MappingDto }) {
  const { rules } = dto.set;
  const aliases = Object.entries(dto.set.aliases);
  const counts = new Map(dto.ignored.map(({ rule, instances }) => [rule, instances]));
  return (
    <section className="section" aria-labelledby="rules">
      <SectionHead id="rules" title="Rules" note={dto.version === 0 ? "none yet" : `version ${dto.version}, in order`} />
      {rules.length === 0 ? (
        <StateView kind="empty" title="No rules." body="Labels and images say whose containers are. A rule can say otherwise, or that nobody judges what is not yours." />
      ) : (
        <Table label="Rules, in order" stack>
          <thead>
            <tr>
              <th scope="col" className="num">
                #
              </th>
              <th scope="col">Rule</th>
              <th scope="col">Where</th>
              <th scope="col">Then</th>
              <th scope="col" className="num">
                Ignores
              </th>
            </tr>
          </thead>
          <tbody>
            {rules.map((rule, at) => {
              const { where, effect } = describeRule(rule);
              const count = counts.get(rule.name);
              return (
                <tr key={rule.name}>
                  <td className="num" data-phone="hide">
                    {at + 1}
                  </td>
                  <th scope="row">{rule.name}</th>
                  <td className="wraps" data-phone="wide">
                    {where}
                  </td>
                  <td className="wraps" data-phone="wide">
                    {effect}
                  </td>
                  <td className="num" data-phone="end">
                    {count === undefined ? "" : `${formatCount(count)} ${plural(count, "instance")}`}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      )}
      {aliases.length > 0 ? (
        <ul className="strategy-details">
          {aliases.map(([alias, service]) => (
            <li key={alias}>
              {alias} means {service}
            </li>
          ))}
        </ul>
      ) : null}
      {dto.warnings.length > 0 ? (
        <ul className="strategy-details">
          {dto.warnings.map(({ path, message }) => (
            <li key={path}>
              {path} {message}.
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function History({ dto }: { dto: MappingDto }) {
  if (dto.history.length === 0) return null;
  return (
    <details className="make">
      <summary>
        {formatCount(dto.history.length)} {plural(dto.history.length, "version")}
      </summary>
      <Table label="Versions of the rules" dense stack>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Holds</th>
            <th scope="col">By, and why</th>
            <th scope="col">When, UTC</th>
          </tr>
        </thead>
        <tbody>
          {dto.history.map((was) => (
            <tr key={was.version}>
              <th scope="row">{was.version}</th>
              <td>
                {formatCount(was.rules)} {plural(was.rules, "rule")}, {formatCount(was.aliases)} {plural(was.aliases, "alias", "aliases")}
              </td>
              <td className="wraps" data-phone="wide">
                {was.by}: <span className="muted">{was.reason ?? "the reason was redacted"}</span>
              </td>
              <td data-phone="end">
                <Timestamp at={was.at} zone={false} />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </details>
  );
}
