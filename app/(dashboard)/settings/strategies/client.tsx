"use client";

import { useQuery } from "@tanstack/react-query";
import { QueryState } from "@/app/(dashboard)/query-state";
import { SettingsNav } from "@/app/(dashboard)/settings/nav";
import { plural } from "@/app/(dashboard)/words";
import { formatCount } from "@/components/ui/format";
import { Tag } from "@/components/ui/kbd";
import { StateView } from "@/components/ui/state-view";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { StrategyDto } from "@/lib/contract/strategies";
import { strategiesQuery } from "@/lib/queries/queries";
import { EditStrategy } from "./edit-strategy";

/** How each environment rolls out, forwards and back, with the versions before and a form for the next. */
export function StrategiesPage() {
  const query = useQuery(strategiesQuery());
  return (
    <QueryState query={query} title="Strategies">
      {({ items }) => (
        <>
          <Verdict parts={[describePage(items)]} sub="A rollout names the version that it was planned by, and goes on as planned when the strategy changes." />
          <SettingsNav />
          {items.length === 0 ? <StateView kind="empty" title="No environment that you may see." /> : null}
          {items.map((item) => (
            <Environment key={item.environment} item={item} />
          ))}
        </>
      )}
    </QueryState>
  );
}

function describePage(items: readonly StrategyDto[]): string {
  const own = items.filter(({ version }) => version > 0).length;
  if (own === 0) return "Every environment rolls out by the default strategy.";
  return `${formatCount(own)} of ${formatCount(items.length)} ${plural(items.length, "environment rolls", "environments roll")} out by a strategy of ${plural(own, "its", "their")} own.`;
}

function Environment({ item }: { item: StrategyDto }) {
  const id = `strategy-${item.environment}`;
  return (
    <section className="section" aria-labelledby={id}>
      <SectionHead
        id={id}
        title={item.environment}
        note={item.template === null ? (item.version === 0 ? "the default" : `version ${item.version}`) : `as ${item.template} does`}
        end={item.protected ? <Tag>protected</Tag> : null}
      />
      <div className="strategy-ways">
        <Way title="A promotion" way={item.promote} />
        <Way title="A rollback" way={item.rollback} />
      </div>
      <p className="strategy-good">
        <span className="muted">Known to be good is what</span> {item.lastKnownGood}.
      </p>
      {item.history.length > 0 ? (
        <details className="make">
          <summary>
            {formatCount(item.history.length)} {plural(item.history.length, "version")}
          </summary>
          <Table label={`Versions of ${item.environment}`} dense stack>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Promotion</th>
                <th scope="col">Rollback</th>
                <th scope="col">Known to be good</th>
                <th scope="col">By, and why</th>
                <th scope="col">When, UTC</th>
              </tr>
            </thead>
            <tbody>
              {item.history.map((was) => (
                <tr key={was.version}>
                  <th scope="row">{was.version}</th>
                  <td className="wraps" data-phone="wide">
                    {was.promote}
                  </td>
                  <td className="wraps" data-phone="wide">
                    {was.rollback}
                  </td>
                  <td className="wraps" data-phone="wide">
                    {was.lastKnownGood}
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
      ) : null}
      {item.template === null ? <EditStrategy item={item} /> : null}
    </section>
  );
}

function Way({ title, way }: { title: string; way: StrategyDto["promote"] }) {
  return (
    <div>
      <h3>{title}</h3>
      {way.waves === null || way.waves.length < 2 ? null : <WaveSketch waves={way.waves} />}
      <p className="strategy-sentence">{capitalize(way.sentence)}.</p>
      <ul className="strategy-details">
        {way.details.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}

/** The waves in a row: how much of the fleet each brings it to, where that is known. */
function WaveSketch({ waves }: { waves: readonly string[] }) {
  return (
    <ol className="wave-sketch" aria-label="Waves">
      {waves.map((wave) => {
        const percent = /^([\d.]+) %$/.exec(wave)?.[1];
        return (
          <li key={wave}>
            {percent === undefined ? null : (
              <span className="wave-sketch-track" aria-hidden="true">
                <i style={{ "--share": `${percent}%` }} />
              </span>
            )}
            {wave}
          </li>
        );
      })}
    </ol>
  );
}

function capitalize(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
