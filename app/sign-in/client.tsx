"use client";

import { useRef, useState } from "react";
import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/field";
import { signIn } from "./sign-in";

/** E-mail and password. `next` is a path of this site. */
export function SignInForm({ next }: { next: string }) {
  const form = useRef<HTMLFormElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return;
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    const result = await signIn(String(fields.get("email") ?? "").trim(), String(fields.get("password") ?? ""));
    if (result.ok) {
      // A whole load: nothing of a stranger's cache stays.
      window.location.assign(next);
      return;
    }
    setBusy(false);
    setError(result.message);
    form.current?.querySelector<HTMLInputElement>("input[type=password]")?.focus();
  }

  return (
    <form ref={form} className="entry-form" onSubmit={submit} method="post" aria-describedby={error ? "sign-in-error" : undefined}>
      <Input label="E-mail" name="email" type="email" autoComplete="username" required autoCapitalize="none" spellCheck={false} />
      <Input label="Password" name="password" type="password" autoComplete="current-password" required />
      <p id="sign-in-error" role="alert" className="entry-error">
        {error}
      </p>
      <Button type="submit" look="act" size="large" aria-busy={busy}>
        {busy ? "Signing in…" : "Sign in"}
      </Button>
    </form>
  );
}
