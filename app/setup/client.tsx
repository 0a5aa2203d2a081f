"use client";

import { useState } from "react";
import type { FormEvent } from "react";
import { Button, ButtonLink } from "@/components/ui/button";
import { Input } from "@/components/ui/field";
import { signIn } from "@/app/sign-in/sign-in";
import { ApiError, postJson } from "@/lib/queries/api-client";

type Failure = { message: string; requestId: string | null; spent: boolean; fields: ReadonlyMap<string, string> };

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

function readFailure(error: unknown): Failure {
  if (!(error instanceof ApiError)) return { message: "Something went wrong on this page. Reload it and try again.", requestId: null, spent: false, fields: NO_FIELDS };
  const { problem, status } = error;
  const fields = new Map((problem.fields ?? []).map((field) => [field.path, field.message]));
  // Everything that is about the link, not about what was typed.
  const spent = status === 401 || status === 404 || status === 410 || fields.has("token");
  const message = spent
    ? "This link was used already, has expired, or is not complete. Ask for a new invitation; on the machine that Plumbline runs on, `npm run plumbline -- setup` makes a new set-up link."
    : problem.detail;
  return { message, requestId: problem.requestId === "none" ? null : problem.requestId, spent, fields };
}

/** Name, e-mail and password for whoever opened a set-up link or an invitation. */
export function SetupForm({ token, name, email }: { token: string; name: string | null; email: string | null }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    const address = String(form.get("email") ?? "").trim();
    const password = String(form.get("password") ?? "");
    setBusy(true);
    setFailure(null);
    try {
      await postJson("setup", { token, name: String(form.get("name") ?? "").trim(), email: address, password });
    } catch (error) {
      setFailure(readFailure(error));
      setBusy(false);
      return;
    }
    const session = await signIn(address, password);
    window.location.assign(session.ok ? "/fleet" : "/sign-in");
  }

  const wrong = (field: string) => failure?.fields.get(field) ?? null;
  return (
    <form className="entry-form" onSubmit={submit} method="post">
      <Input label="Your name" name="name" autoComplete="name" defaultValue={name ?? undefined} required maxLength={200} error={wrong("name")} />
      <Input label="E-mail" name="email" type="email" autoComplete="username" defaultValue={email ?? undefined} readOnly={email !== null} hint={email === null ? undefined : "The invitation is for this address."} required maxLength={254} autoCapitalize="none" spellCheck={false} error={wrong("email")} />
      <Input label="Password" name="password" type="password" autoComplete="new-password" required minLength={12} maxLength={200} hint="At least 12 characters; a few words are fine." error={wrong("password")} />
      <div role="alert" className="entry-error">
        {failure ? (
          <>
            {failure.message}
            {failure.requestId ? (
              <>
                {" "}
                Request <code>{failure.requestId}</code>
              </>
            ) : null}
          </>
        ) : null}
      </div>
      {failure?.spent ? (
        <ButtonLink href="/sign-in">I have an account: sign in</ButtonLink>
      ) : (
        <Button type="submit" look="act" size="large" aria-busy={busy}>
          {busy ? "Creating your account…" : "Create my account"}
        </Button>
      )}
    </form>
  );
}
