"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { CopyBlock } from "@/components/ui/copy-block";
import { Dialog } from "@/components/ui/dialog";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { announce } from "@/components/ui/live-region";
import type { CreatedExecutor, ExecutorConfig, ExecutorDto } from "@/lib/contract/executors";
import { patchJson, postJson } from "@/lib/queries/api-client";
import { useRefusal } from "@/lib/queries/use-session";
import { Outcome, text } from "../form-parts";
import { useAct } from "../use-act";
import { KIND_NAMES } from "./kind-names";

type Kind = ExecutorConfig["kind"];
const KIND_HINTS: Record<Kind, string> = {
  webhook: "A signed POST with the decision and its proof, to whatever deploys.",
  github: "Runs a workflow, or sends a repository_dispatch event when no workflow is named.",
  gitlab: "Triggers a pipeline with the decision in its variables.",
};
const KINDS: readonly Kind[] = ["webhook", "github", "gitlab"];
const TYPED = { autoCapitalize: "none", spellCheck: false, autoComplete: "off" } as const;

export function NewExecutor() {
  const client = useQueryClient();
  const refusal = useRefusal();
  const made = useAct<CreatedExecutor>();
  const [kind, setKind] = useState<Kind>("webhook");

  function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const secret = text(form, "secret");
    void made.run(async () => {
      const result = await postJson<CreatedExecutor>("executors", { ...readForm(kind, form), ...(secret !== "" && { secret }) });
      await client.invalidateQueries({ queryKey: ["settings", "executors"] });
      element.reset();
      return result;
    });
  }

  return (
    <>
      <details className="make">
        <summary>New executor</summary>
        <form className="entry-form" onSubmit={create}>
          <Field label="Kind" hint={KIND_HINTS[kind]}>
            {(wiring) => (
              <select className="input" name="kind" {...wiring} value={kind} onChange={(event) => setKind(KINDS.find((one) => one === event.target.value) ?? kind)}>
                {KINDS.map((one) => (
                  <option key={one} value={one}>
                    {KIND_NAMES[one]}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <ExecutorFields kind={kind} errors={made.fields} />
          <Button type="submit" disabledReason={refusal("executors.write")} aria-busy={made.busy}>
            Make the executor
          </Button>
        </form>
      </details>
      <Outcome act={made}>
        {(result) => (
          <div className="section-gap">{result.secret === null ? <p>The executor {result.name} is named. Try it out before a rollout does.</p> : <NewSecret name={result.name} secret={result.secret} />}</div>
        )}
      </Outcome>
    </>
  );
}

export function ChangeExecutor({ executor, onClose }: { executor: ExecutorDto; onClose: () => void }) {
  const client = useQueryClient();
  const changed = useAct<CreatedExecutor>();
  const { kind } = executor.config;

  function change(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const secret = form.has("renew") ? null : text(form, "secret") || undefined;
    void changed.run(async () => {
      const result = await patchJson<CreatedExecutor>(`executors/${executor.id}`, { ...changesOf(executor, readForm(kind, form), { withAddress: secret !== undefined }), secret });
      await client.invalidateQueries({ queryKey: ["settings", "executors"] });
      announce(secret === null ? "A new secret was made. Copy it now." : `${result.name} is changed.`);
      if (secret !== null) onClose();
      return result;
    });
  }

  return (
    <Dialog open onClose={onClose} title={`Change the executor ${executor.name}`}>
      {changed.result?.secret ? (
        <div className="act-form">
          <NewSecret name={changed.result.name} secret={changed.result.secret} />
          <div className="state-actions">
            <Button onClick={onClose}>Close</Button>
          </div>
        </div>
      ) : (
        <form className="act-form" onSubmit={change}>
          <p className="muted">What it was not told yet goes the new way. A rollout that it carries out stays its own, whatever it covers from now on.</p>
          <ExecutorFields kind={kind} errors={changed.fields} executor={executor} />
          <Outcome act={changed}>{() => null}</Outcome>
          <div className="state-actions">
            <Button type="submit" look="act" aria-busy={changed.busy}>
              Save
            </Button>
            <Button look="quiet" onClick={onClose}>
              Cancel
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function NewSecret({ name, secret }: { name: string; secret: string }) {
  return (
    <>
      <p>Copy the secret now: it is not shown again. The receiver verifies every message of {name} with it.</p>
      <CopyBlock text={secret} label="Copy the secret" />
    </>
  );
}

interface FieldsProps {
  kind: Kind;
  errors: ReadonlyMap<string, string>;
  /** As it is now; absent for a new one. */
  executor?: ExecutorDto;
}

function ExecutorFields({ kind, errors, executor }: FieldsProps) {
  const error = (path: string) => errors.get(path) ?? null;
  return (
    <>
      <Input label="Name" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" maxLength={63} defaultValue={executor?.name} error={error("name")} hint="Small letters, digits, dots and dashes: deployer-eu" {...TYPED} />
      <Input label="Services" name="service" defaultValue={executor?.service ?? "*"} required hint="A name; * stands for any characters." error={error("service")} {...TYPED} />
      <Input label="Environments" name="environment" defaultValue={executor?.environment ?? "*"} required error={error("environment")} {...TYPED} />
      <ConfigFields kind={kind} error={error} now={executor?.config} />
      <SecretField kind={kind} error={error("secret")} isKept={executor !== undefined} />
    </>
  );
}

function ConfigFields({ kind, error, now }: { kind: Kind; error: (path: string) => string | null; now: ExecutorConfig | undefined }) {
  switch (kind) {
    case "webhook":
      return <Input label="Address" name="url" type="url" required maxLength={2_000} placeholder="https://deployer.example.org/plumbline" defaultValue={now?.kind === kind ? now.url : undefined} error={error("config.url")} {...TYPED} />;
    case "github": {
      const github = now?.kind === kind ? now : null;
      return (
        <>
          <Input label="Owner" name="owner" required defaultValue={github?.owner} error={error("config.owner")} {...TYPED} />
          <Input label="Repository" name="repo" required defaultValue={github?.repo} error={error("config.repo")} {...TYPED} />
          <Input label="Workflow" name="workflow" placeholder="rollout.yml" defaultValue={github?.workflow ?? ""} hint="Its file. Left empty, a repository_dispatch event of type plumbline-rollout is sent." error={error("config.workflow")} {...TYPED} />
          <Input label="Branch or tag" name="ref" defaultValue={github?.ref ?? "main"} required error={error("config.ref")} {...TYPED} />
          <Input label="API" name="baseUrl" type="url" defaultValue={github?.baseUrl ?? "https://api.github.com"} required hint="GitHub Enterprise Server: https://HOST/api/v3" error={error("config.baseUrl")} {...TYPED} />
        </>
      );
    }
    case "gitlab": {
      const gitlab = now?.kind === kind ? now : null;
      return (
        <>
          <Input label="Project" name="project" required placeholder="group/project" defaultValue={gitlab?.project} hint="Its path or number." error={error("config.project")} {...TYPED} />
          <Input label="Branch or tag" name="ref" defaultValue={gitlab?.ref ?? "main"} required error={error("config.ref")} {...TYPED} />
          <Input label="GitLab" name="baseUrl" type="url" defaultValue={gitlab?.baseUrl ?? "https://gitlab.com"} required error={error("config.baseUrl")} {...TYPED} />
        </>
      );
    }
    default:
      return kind satisfies never;
  }
}

const TOKENS: Record<Exclude<Kind, "webhook">, { label: string; hint: string }> = {
  github: { label: "Token", hint: "Fine-grained, for this repository alone: Actions, or Contents for an event, read and write." },
  gitlab: { label: "Trigger token", hint: "Settings, CI/CD, Pipeline trigger tokens." },
};

function SecretField({ kind, error, isKept }: { kind: Kind; error: string | null; isKept: boolean }) {
  const [renews, setRenews] = useState(false);
  if (kind !== "webhook") {
    const { label, hint } = TOKENS[kind];
    return <Input label={isKept ? `New ${label.toLowerCase()}` : label} name="secret" type="password" required={!isKept} hint={isKept ? "Left empty, the one that is kept stays. Another host needs its own." : hint} error={error} {...TYPED} />;
  }
  if (!isKept) return <Input label="Secret of your own" name="secret" type="password" hint="whsec_ and base64. Left empty, one is made and shown once." error={error} {...TYPED} />;
  return (
    <>
      <Checkbox name="renew" checked={renews} onChange={(event) => setRenews(event.target.checked)} label="Make a new secret" hint="It is shown once. From then on every message is signed with it, those that are sent again too." />
      {renews ? null : <Input label="New secret of your own" name="secret" type="password" hint="whsec_ and base64. Left empty, the one that is kept stays." error={error} {...TYPED} />}
    </>
  );
}

function readForm(kind: Kind, form: FormData) {
  return { name: text(form, "name"), service: text(form, "service"), environment: text(form, "environment"), config: readConfig(kind, form) };
}

/** Only what was changed here: what somebody else changed meanwhile stays. A new token is given for an address. */
function changesOf(before: ExecutorDto, now: ReturnType<typeof readForm>, { withAddress }: { withAddress: boolean }) {
  const config: Record<string, unknown> = before.config;
  const moved = Object.entries(now.config).some(([name, value]) => config[name] !== value);
  return {
    ...(now.name !== before.name && { name: now.name }),
    ...(now.service !== before.service && { service: now.service }),
    ...(now.environment !== before.environment && { environment: now.environment }),
    ...((moved || withAddress) && { config: now.config }),
  };
}

function readConfig(kind: Kind, form: FormData): ExecutorConfig {
  const ref = text(form, "ref");
  const baseUrl = text(form, "baseUrl");
  switch (kind) {
    case "webhook":
      return { kind, url: text(form, "url") };
    case "github":
      return { kind, baseUrl, owner: text(form, "owner"), repo: text(form, "repo"), workflow: text(form, "workflow") || null, ref };
    case "gitlab":
      return { kind, baseUrl, project: text(form, "project"), ref };
    default:
      return kind satisfies never;
  }
}
