import type { Metadata } from "next";
import { EntryPage } from "@/app/entry-page";
import { ButtonLink } from "@/components/ui/button";
import { findSetupLink } from "@/server/access/find-setup-link";
import { getApp } from "@/server/app";
import { SetupForm } from "./client";

export const metadata: Metadata = { title: "Set up" };

function NoLink({ title, intro }: { title: string; intro: string }) {
  return (
    <EntryPage title={title} intro={intro}>
      <p className="entry-note">
        On the machine that Plumbline runs on, <code>npm run plumbline -- setup</code> makes a new set-up link. Everybody else needs a new invitation from an administrator.
      </p>
      <ButtonLink href="/sign-in">I have an account: sign in</ButtonLink>
    </EntryPage>
  );
}

export default async function SetupPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const token = (await searchParams)["token"];
  if (typeof token !== "string" || token.length < 20 || token.length > 200) {
    return <NoLink title="This link is not complete" intro="Copy the whole set-up link or invitation, with everything after “token=”." />;
  }
  const link = await findSetupLink(getApp(), token);
  if (!link) return <NoLink title="This link no longer works" intro="It was used already, or it has expired. Each link makes one account." />;
  return (
    <EntryPage title={link.purpose === "setup" ? "Set up Plumbline" : "Join Plumbline"} intro="The link works once. Your name stands beside what you decide; the password is yours alone.">
      <SetupForm token={token} name={link.name} email={link.email} />
    </EntryPage>
  );
}
