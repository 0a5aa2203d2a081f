"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { plural } from "@/app/(dashboard)/words";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { Checkbox, Input } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { Tag } from "@/components/ui/kbd";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import type { Tone } from "@/components/ui/tone";
import { SectionHead, Verdict } from "@/components/ui/verdict";
import type { CreatedToken, TokenDto } from "@/lib/contract/access";
import type { AgentDto, EnvironmentDto } from "@/lib/contract/fleet";
import type { Role } from "@/lib/domain/access/roles";
import { deleteJson, postJson, putJson } from "@/lib/queries/api-client";
import { agentsQuery, environmentsQuery, tokensQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError, Outcome, text } from "./form-parts";
import { Hosts } from "./hosts";
import { SettingsNav } from "./nav";
import { Previews } from "./previews";
import { ScopeFields } from "./scope-fields";
import { useAct } from "./use-act";

export function SettingsPage() {
  const environments = useQuery(environmentsQuery());
  // Previews come and go by their rules.
  const permanent = (environments.data?.items ?? []).filter(({ kind }) => kind === "permanent");
  return (
    <>
      <Verdict parts={["Settings"]} sub="Who may report, who may act, and where. Every change stands in the ledger." />
      <SettingsNav />
      <Hosts environments={permanent} />
      <Agents />
      <Tokens />
      <People />
      <Environments environments={permanent} error={environments.error} />
      <Previews environments={permanent} />
    </>
  );
}

const AGENT_TONE: Record<AgentDto["state"], Tone> = { active: "match", late: "drift", silent: "unknown", retired: "neutral" };

function Agents() {
  const { data, error } = useQuery(agentsQuery());
  if (error) return <ListError error={error} what="Agents" />;
  if (!data || data.items.length === 0) return null;
  return (
    <section className="section" aria-labelledby="agents">
      <SectionHead id="agents" title="Agents" note={formatCount(data.items.length)} />
      <Table label="Agents" dense stack>
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col">State</th>
            <th scope="col">Pool</th>
            <th scope="col">Environments</th>
            <th scope="col">Runtime</th>
            <th scope="col" className="num">
              Instances
            </th>
            <th scope="col" className="num">
              Last report
            </th>
          </tr>
        </thead>
        <tbody>
          {data.items.map((agent) => (
            <tr key={agent.id}>
              <HangingCell tone={agent.refusal ? "critical" : AGENT_TONE[agent.state]} className="mono" data-phone="wide">
                {agent.name}
              </HangingCell>
              <td>
                <StatusShape kind={AGENT_TONE[agent.state]} size={12} /> {agent.state}
                {agent.coverageComplete ? null : <span className="muted">, incomplete</span>}
                {agent.refusal ? (
                  <span className="tone" data-tone="critical">
                    , refuses: {agent.refusal}
                  </span>
                ) : null}
              </td>
              <td data-phone="end">{agent.pool}</td>
              <td>{agent.environments.join(", ")}</td>
              <td data-phone="hide">
                {agent.version === agent.runtime ? agent.runtime : `${agent.runtime}, ${agent.version}`}
              </td>
              <td className="num" data-phone="end">
                {formatCount(agent.instances)}
              </td>
              <td className="num">{agent.lastReportAt ? <Age at={agent.lastReportAt} /> : "never"}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}

function Tokens() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const missing = refusal("tokens.create");
  const { data, error } = useQuery({ ...tokensQuery(), enabled: missing === null });
  const token = useAct<CreatedToken>();
  const [role, setRole] = useState<Role>("publisher");
  const [revoking, setRevoking] = useState<TokenDto | null>(null);

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void token.run(async () => {
      const made = await postJson<CreatedToken>("tokens", { name: text(form, "name"), role, service: text(form, "service"), environment: text(form, "environment"), expiresInHours: Number(text(form, "days")) * 24 });
      await client.invalidateQueries({ queryKey: ["settings", "tokens"] });
      return made;
    });
  }

  return (
    <section className="section" aria-labelledby="tokens">
      <SectionHead id="tokens" title="API tokens" note="for CI and scripts; a token that a person makes counts as that person" />
      <ListError error={error} what="API tokens" />
      {missing ? <StateView kind="empty" title="You have no right to see API tokens." body={missing} /> : null}
      {data && data.items.length === 0 ? <StateView kind="empty" title="No token yet." /> : null}
      {data && data.items.length > 0 ? (
        <Table label="API tokens" stack>
          <thead>
            <tr>
              <th scope="col">Token</th>
              <th scope="col">May</th>
              <th scope="col">Made by</th>
              <th scope="col">Last used</th>
              <th scope="col">Ends, UTC</th>
              <th scope="col">
                <span className="visually-hidden">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((item) => (
              <tr key={item.id}>
                <th scope="row" data-phone="wide">
                  {item.name}
                </th>
                <td className="wraps">{item.roles.join(", ")}</td>
                <td data-phone="end">{item.createdBy ?? item.team ?? "Plumbline"}</td>
                <td data-phone="hide">{item.lastUsedAt ? <Age at={item.lastUsedAt} suffix="ago" /> : "never"}</td>
                <td>
                  <Timestamp at={item.revokedAt ?? item.expiresAt} zone={false} />
                </td>
                <td className="num" data-phone="end">
                  {item.revokedAt ? (
                    <Tag>revoked</Tag>
                  ) : (
                    <Button size="small" aria-label={`Revoke the token ${item.name}`} disabledReason={refusal("tokens.revoke")} onClick={() => setRevoking(item)}>
                      Revoke…
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <details className="make">
        <summary>New token</summary>
        <form className="entry-form" onSubmit={create}>
          <Input label="What it is for" name="name" required maxLength={100} placeholder="ci-payments" error={token.fields.get("name") ?? null} />
          <ScopeFields role={role} onRole={setRole} errors={token.fields} />
          <Input label="Ends after days" name="days" type="number" min={1} max={366} defaultValue={90} required error={token.fields.get("expiresInHours") ?? null} />
          <Button type="submit" disabledReason={missing} aria-busy={token.busy}>
            Make the token
          </Button>
        </form>
      </details>
      <Outcome act={token}>
        {(made) => (
          <div className="section-gap">
            <p>
              Copy it now: it is not shown again. {made.name}, {made.role}, until <Timestamp at={made.expiresAt} />.
            </p>
            <CopyBlock text={made.token} label="Copy the token" />
          </div>
        )}
      </Outcome>
      {revoking ? (
        <ActDialog
          title={`Revoke the token ${revoking.name}`}
          label="Revoke"
          reason="none"
          done="The token is revoked."
          onClose={() => setRevoking(null)}
          onAct={async () => {
            await deleteJson(`tokens/${revoking.id}`);
            await client.invalidateQueries({ queryKey: ["settings", "tokens"] });
          }}
        >
          <p>Whatever uses it is refused from now on. This cannot be taken back; make a new one instead.</p>
        </ActDialog>
      ) : null}
    </section>
  );
}

function People() {
  const refusal = useRefusal();
  const invitation = useAct<{ link: string; expiresAt: string }>();
  const [role, setRole] = useState<Role>("viewer");

  function invite(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void invitation.run(() => postJson("invitations", { name: text(form, "name"), email: text(form, "email"), role, service: text(form, "service"), environment: text(form, "environment") }));
  }

  return (
    <section className="section" aria-labelledby="people">
      <SectionHead id="people" title="People" note="an account is made by an invitation only" />
      <details className="make">
        <summary>Invite somebody</summary>
        <form className="entry-form" onSubmit={invite}>
          <Input label="Name" name="name" required maxLength={200} autoComplete="off" error={invitation.fields.get("name") ?? null} />
          <Input label="E-mail" name="email" type="email" required maxLength={254} autoComplete="off" error={invitation.fields.get("email") ?? null} />
          <ScopeFields role={role} onRole={setRole} errors={invitation.fields} />
          <Button type="submit" disabledReason={refusal("users.invite")} aria-busy={invitation.busy}>
            Make the invitation
          </Button>
        </form>
      </details>
      <Outcome act={invitation}>
        {(made) => (
          <div className="section-gap">
            <p>
              Send this link to that person alone. It works once, until <Timestamp at={made.expiresAt} />.
            </p>
            <CopyBlock text={made.link} label="Copy the invitation" />
          </div>
        )}
      </Outcome>
    </section>
  );
}

function Environments({ environments, error }: { environments: readonly EnvironmentDto[]; error: Error | null }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const change = useAct<EnvironmentDto>();

  function save(event: FormEvent<HTMLFormElement>, name: string) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void change.run(async () => {
      const saved = await putJson<EnvironmentDto>("environments", { name: name || text(form, "name"), protected: form.get("protected") === "on", requiredApprovals: Number(text(form, "approvals")), mode: form.get("enforce") === "on" ? "enforce" : "observe" });
      await client.invalidateQueries({ queryKey: ["settings", "environments"] });
      return saved;
    });
  }

  return (
    <section className="section" aria-labelledby="environments">
      <SectionHead id="environments" title="Environments" note="in their order; a protected one needs approvals and a deliberate confirmation. One that does not enforce observes: findings are recorded, nobody is told" />
      <ListError error={error} what="Environments" />
      <ul className="environment-list">
        {environments.map((environment) => (
          <li key={`${environment.name} ${environment.protected} ${environment.requiredApprovals} ${environment.mode}`}>
            <form className="environment-form" onSubmit={(event) => save(event, environment.name)} aria-label={environment.name}>
              <b>{environment.name}</b>
              <Checkbox name="protected" label="protected" defaultChecked={environment.protected} />
              <Checkbox name="enforce" label="enforce" defaultChecked={environment.mode === "enforce"} />
              <Input label="Approvals needed" name="approvals" type="number" min={0} max={10} defaultValue={environment.requiredApprovals} required />
              <Button type="submit" size="small" aria-label={`Save ${environment.name}`} disabledReason={refusal("environments.write", { environment: environment.name })}>
                Save
              </Button>
            </form>
          </li>
        ))}
      </ul>
      <details className="make">
        <summary>New environment</summary>
        <form className="entry-form" onSubmit={(event) => save(event, "")}>
          <Input label="Name" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} autoCapitalize="none" spellCheck={false} error={change.fields.get("name") ?? null} />
          <Checkbox name="protected" label="protected" />
          <Checkbox name="enforce" label="enforce" />
          <Input label="Approvals needed" name="approvals" type="number" min={0} max={10} defaultValue={0} required error={change.fields.get("requiredApprovals") ?? null} />
          <Button type="submit" disabledReason={refusal("environments.write")} aria-busy={change.busy}>
            Make the environment
          </Button>
        </form>
      </details>
      <Outcome act={change}>
        {(saved) => (
          <p>
            {saved.name} is {saved.protected ? "protected" : "not protected"} and needs {formatCount(saved.requiredApprovals)} {plural(saved.requiredApprovals, "approval")}; it {saved.mode === "enforce" ? "enforces: people are told of findings" : "observes: findings are recorded, nobody is told"}.
          </p>
        )}
      </Outcome>
    </section>
  );
}
