import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { EntryPage } from "@/app/entry-page";
import { findPageContext } from "@/server/auth/page-context";
import { SignInForm } from "./client";
import { safeNext } from "./safe-next";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignInPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const next = safeNext((await searchParams)["next"]);
  if (await findPageContext()) redirect(next);
  return (
    <EntryPage title="Sign in" intro="See what really runs, and put it back where it belongs.">
      <SignInForm next={next} />
      <p className="entry-note">
        No account yet? The first start prints a set-up link; an administrator can invite you. Link lost: <code>npm run plumbline -- setup</code>
      </p>
    </EntryPage>
  );
}
