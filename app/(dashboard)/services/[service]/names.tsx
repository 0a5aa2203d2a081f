"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { Choice } from "@/components/ui/choice";
import { Field, Input } from "@/components/ui/field";
import type { ServiceDto } from "@/lib/contract/fleet";
import type { ServiceNamesDto } from "@/lib/contract/services";
import { postJson } from "@/lib/queries/api-client";

type Way = "rename" | "alias" | "unalias" | "merge";

/** What each way asks for, sends and leaves behind. */
const WAYS = {
  rename: { label: "Rename", field: "New name", body: (to: string) => ({ to }), done: (name: string) => `It is called ${name} now.`, hint: "What is assigned, held and rolled out follows; the old name goes on meaning it." },
  alias: { label: "Add the name", field: "Another name", body: (alias: string) => ({ alias }), done: (name: string) => `${name} means it, too.`, hint: "What is reported under the other name is this service's." },
  unalias: { label: "Give it up", field: "Which name", body: (alias: string) => ({ alias }), done: (name: string) => `${name} no longer means it.`, hint: "What is reported under it is by itself again." },
  merge: { label: "Merge", field: "The service that stays", body: (into: string) => ({ into }), done: (name: string) => `It is one service with ${name} now.`, hint: "All names of this one mean the other. Where this one is assigned something, the other must be assigned the same bytes. There is no way back." },
} as const;

/** Gives a service another name, one more or one less, or makes it one with another service. No agent is told anything by it. */
export function NamesDialog({ service: { name: service, aliases, addedNames }, onClose }: { service: Pick<ServiceDto, "name" | "aliases" | "addedNames">; onClose: () => void }) {
  const client = useQueryClient();
  const router = useRouter();
  const [way, setWay] = useState<Way>("rename");
  const [name, setName] = useState("");
  const { label, field, body, done, hint } = WAYS[way];
  const wanted = name.trim();
  return (
    <ActDialog
      title={`Names of ${service}`}
      label={label}
      reason="required"
      disabledReason={wanted !== "" ? null : way === "unalias" ? "Choose the name first." : "Write the name first."}
      done={done(wanted)}
      onClose={onClose}
      onAct={async (reason, key) => {
        const names = await postJson<ServiceNamesDto>(`services/${encodeURIComponent(service)}/${way}`, { ...body(wanted), reason }, key);
        await client.invalidateQueries({ queryKey: ["fleet"] });
        // The page may have been opened by the name that is given up.
        if (names.service !== service || way === "unalias") router.replace(`/services/${encodeURIComponent(names.service)}`);
      }}
    >
      <p>{aliases.length > 0 ? `Also means it: ${aliases.join(", ")}. ` : ""}No agent is told anything by this. Roles and channels are given for names: patterns that name the old one do not follow.</p>
      <Choice
        legend="What"
        name="way"
        value={way}
        onChange={(next) => {
          setWay(next);
          setName("");
        }}
        options={[
          { value: "rename", label: "Call it something else" },
          { value: "alias", label: "Let one more name mean it" },
          ...(addedNames.length > 0 ? [{ value: "unalias" as const, label: "Let a name mean it no longer" }] : []),
          { value: "merge", label: "Make it one with another service" },
        ]}
      />
      {way === "unalias" ? (
        <Field label={field} hint={hint}>
          {(wiring) => (
            <select className="input" name="name" value={name} onChange={(event) => setName(event.target.value)} {...wiring}>
              <option value="">Choose one</option>
              {addedNames.map((alias) => (
                <option key={alias}>{alias}</option>
              ))}
            </select>
          )}
        </Field>
      ) : (
        <Input label={field} name="name" value={name} hint={hint} maxLength={63} autoCapitalize="none" spellCheck={false} onChange={(event) => setName(event.target.value)} />
      )}
    </ActDialog>
  );
}
