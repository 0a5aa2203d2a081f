"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { plural } from "@/app/(dashboard)/words";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { Checkbox, Input } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { Tag } from "@/components/ui/kbd";
import { StateView } from "@/components/ui/state-view";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead } from "@/components/ui/verdict";
import type { EnrolmentDto, PoolDto } from "@/lib/contract/access";
import type { EnvironmentDto } from "@/lib/contract/fleet";
import { patchJson, postJson } from "@/lib/queries/api-client";
import { poolsQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError, Outcome, text } from "./form-parts";
import { useAct } from "./use-act";

/** What a pool's token admits when nobody says otherwise: one host within a day, or all hosts of a group for 90 days. */
const GROUP_TOKEN = { maxUses: null, expiresInHours: 24 * 90 };

/** Pools: for which environments hosts may report, how many of them, from where; and the line that connects one. */
export function Hosts({ environments }: { environments: readonly EnvironmentDto[] }) {
  const refusal = useRefusal();
  const { data, error } = useQuery(poolsQuery());
  const enrolment = useAct<EnrolmentDto>();
  const [changing, setChanging] = useState<PoolDto | null>(null);
  const [closing, setClosing] = useState<PoolDto | null>(null);
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ["settings", "pools"] });
  const whyNot = (item: PoolDto, verb: "agents.enrol" | "pools.change" | "pools.close") =>
    item.closed ? "This pool is closed." : item.environments.map((environment) => refusal(verb, { environment })).find((reason) => reason !== null) ?? null;

  const pools = data?.items ?? [];
  return (
    <section className="section" aria-labelledby="hosts">
      <SectionHead id="hosts" title="Hosts" note="a pool says for which environments its hosts may report" />
      <ListError error={error} what="Pools" />
      {data && pools.length === 0 ? <StateView kind="empty" title="No pool yet." body="Make one, then a token that admits a host into it." /> : null}
      {pools.length > 0 ? (
        <Table label="Pools" stack>
          <thead>
            <tr>
              <th scope="col">Pool</th>
              <th scope="col">Environments</th>
              <th scope="col" className="num">
                Agents
              </th>
              <th scope="col">From</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {pools.map((item) => (
              <tr key={item.id}>
                <th scope="row" data-phone="wide">
                  {item.name} {item.closed ? <Tag>closed</Tag> : null} {item.ephemeral ? <Tag>ephemeral</Tag> : null}
                </th>
                <td>{item.environments.join(", ")}</td>
                <td className="num" data-phone="end">
                  <AgentCount pool={item} />
                </td>
                <td className="wraps" data-phone="wide">
                  {item.networks.length === 0 ? <span className="muted">anywhere</span> : <span className="mono">{item.networks.join(", ")}</span>}
                </td>
                <td className="num" data-phone="wide">
                  <span className="row-acts">
                    <Button
                      size="small"
                      aria-label={`Make an enrolment token for ${item.name}`}
                      disabledReason={whyNot(item, "agents.enrol")}
                      onClick={() => void enrolment.run(() => postJson<EnrolmentDto>("enrolments", { pool: item.name, ...(item.ephemeral ? GROUP_TOKEN : {}) }))}
                    >
                      {item.ephemeral ? "Connect hosts" : "Connect a host"}
                    </Button>
                    <Button size="small" aria-label={`Change the limits of ${item.name}`} disabledReason={whyNot(item, "pools.change")} onClick={() => setChanging(item)}>
                      Limits…
                    </Button>
                    <Button size="small" aria-label={`Close the pool ${item.name}`} disabledReason={whyNot(item, "pools.close")} onClick={() => setClosing(item)}>
                      Close…
                    </Button>
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <Outcome act={enrolment}>
        {(made) => (
          <div className="section-gap">
            <p>
              Run this on the host, before <Timestamp at={made.expiresAt} />. It admits {made.maxUses === null ? "any number of hosts" : `${made.maxUses} ${plural(made.maxUses, "host")}`} and is not shown again.
            </p>
            <CopyBlock text={`${made.command}\nnode plumbline.mjs agent run`} label="Copy the commands" />
          </div>
        )}
      </Outcome>
      <NewPool environments={environments} onMade={refresh} />
      {changing ? <ChangeLimits pool={changing} onClose={() => setChanging(null)} onChanged={refresh} /> : null}
      {closing ? (
        <ActDialog
          title={`Close the pool ${closing.name}`}
          label="Close the pool"
          reason="required"
          done="The pool is closed."
          onClose={() => setClosing(null)}
          onAct={async (reason) => {
            await postJson(`pools/${closing.name}/close`, { reason });
            await refresh();
          }}
        >
          <p>
            Nobody is admitted any more, for good. The {formatCount(closing.agents)} {plural(closing.agents, "agent")} in it {closing.agents === 1 ? "goes" : "go"} on reporting until {closing.agents === 1 ? "it leaves" : "they leave"}.
          </p>
        </ActDialog>
      ) : null}
    </section>
  );
}

function AgentCount({ pool }: { pool: PoolDto }) {
  const range = [pool.minAgents === null ? null : `at least ${formatCount(pool.minAgents)}`, pool.maxAgents === null ? null : `at most ${formatCount(pool.maxAgents)}`].filter(Boolean).join(", ");
  return (
    <>
      {formatCount(pool.agents)}
      {pool.silentAgents > 0 ? <span className="muted">, {formatCount(pool.silentAgents)} silent</span> : null}
      {range ? <span className="muted block">{range}</span> : null}
    </>
  );
}

type Draft = { minAgents: string; maxAgents: string; ttlMinutes: string; networks: string };

function LimitFields({ draft, onChange, errors, ephemeral }: { draft: Draft; onChange: (draft: Draft) => void; errors?: ReadonlyMap<string, string>; ephemeral: boolean }) {
  const field = (name: keyof Draft) => ({ name, value: draft[name], error: errors?.get(name) ?? null, onChange: (event: { target: { value: string } }) => onChange({ ...draft, [name]: event.target.value }) });
  return (
    <>
      <Input label="At most so many agents" type="number" min={1} hint="Empty: any number" {...field("maxAgents")} />
      <Input label="At least so many agents" type="number" min={1} hint="Fewer is a finding; empty: none" {...field("minAgents")} />
      {ephemeral ? <Input label="Gone after minutes of silence" type="number" min={1} hint="Empty: 10" {...field("ttlMinutes")} /> : null}
      <Input label="Networks that hosts connect from" autoCapitalize="none" spellCheck={false} hint="10.0.0.0/8 fd00::/8; empty: anywhere" {...field("networks")} />
    </>
  );
}

function readDraft({ minAgents, maxAgents, ttlMinutes, networks }: Draft, ephemeral: boolean) {
  const number = (typed: string) => (typed.trim() === "" ? null : Number(typed));
  return { minAgents: number(minAgents), maxAgents: number(maxAgents), ttlMinutes: ephemeral ? number(ttlMinutes) : null, networks: networks.split(/[\s,]+/).filter((one) => one !== "") };
}

function ChangeLimits({ pool, onClose, onChanged }: { pool: PoolDto; onClose: () => void; onChanged: () => Promise<void> }) {
  const shown = (value: number | null) => (value === null ? "" : String(value));
  const [draft, setDraft] = useState<Draft>({ minAgents: shown(pool.minAgents), maxAgents: shown(pool.maxAgents), ttlMinutes: shown(pool.ttlMinutes), networks: pool.networks.join(" ") });
  return (
    <ActDialog
      title={`Limits of ${pool.name}`}
      label="Save"
      reason="none"
      done="The limits are changed."
      onClose={onClose}
      onAct={async () => {
        await patchJson(`pools/${pool.name}`, readDraft(draft, pool.ephemeral));
        await onChanged();
      }}
    >
      <p className="muted">They hold for hosts that enrol from now on; nobody is put out.</p>
      <LimitFields draft={draft} onChange={setDraft} ephemeral={pool.ephemeral} />
    </ActDialog>
  );
}

const NOTHING: Draft = { minAgents: "", maxAgents: "", ttlMinutes: "", networks: "" };

function NewPool({ environments, onMade }: { environments: readonly EnvironmentDto[]; onMade: () => Promise<void> }) {
  const refusal = useRefusal();
  const pool = useAct<PoolDto>();
  const [ephemeral, setEphemeral] = useState(false);
  const [draft, setDraft] = useState(NOTHING);

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const chosen = form.getAll("environments").filter((value) => typeof value === "string");
    const limits = Object.fromEntries(Object.entries(readDraft(draft, ephemeral)).filter(([, value]) => value !== null));
    void pool.run(async () => {
      const made = await postJson<PoolDto>("pools", { name: text(form, "name"), environments: chosen, ephemeral, ...limits });
      await onMade();
      element.reset();
      setDraft(NOTHING);
      setEphemeral(false);
      return made;
    });
  }

  return (
    <details className="make">
      <summary>New pool</summary>
      <form className="entry-form" onSubmit={create}>
        <Input label="Name" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} error={pool.fields.get("name") ?? null} autoCapitalize="none" spellCheck={false} hint="Small letters, digits, dots and dashes: shop-prod" />
        <fieldset className="choice">
          <legend className="field-label">Environments</legend>
          {environments.map((environment) => (
            <Checkbox key={environment.name} name="environments" value={environment.name} label={environment.name} />
          ))}
        </fieldset>
        <Checkbox name="ephemeral" checked={ephemeral} onChange={(event) => setEphemeral(event.target.checked)} label="Its hosts come and go" hint="An autoscaling group, spot machines: one that leaves or falls silent is gone, and no finding" />
        <LimitFields draft={draft} onChange={setDraft} errors={pool.fields} ephemeral={ephemeral} />
        <Button type="submit" disabledReason={refusal("pools.create")} aria-busy={pool.busy}>
          Make the pool
        </Button>
      </form>
      <Outcome act={pool}>{(made) => <p>Pool {made.name} is open.</p>}</Outcome>
    </details>
  );
}
