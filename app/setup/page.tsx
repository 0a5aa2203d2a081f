import type { Metadata } from "next";
import { EntryPage } from "@/app/entry-page";
import { ButtonLink } from "@/components/ui/button";
import { SetupForm } from "./client";

export const metadata: Metadata = { title: "Set up" };

export default async function SetupPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const token = (await searchParams)["token"];
  if (typeof token !== "string" || token.length < 20) {
    return (
      <EntryPage title="This link is not complete" intro="Copy the whole set-up link or invitation, with everything after “token=”.">
        <p className="entry-note">
          On the machine that Plumbline runs on, <code>npm run plumbline -- setup</code> makes a new one.
        </p>
        <ButtonLink href="/sign-in">Sign in instead</ButtonLink>
      </EntryPage>
    );
  }
  return (
    <EntryPage title="Make your account" intro="The link works once. Your name stands beside what you decide; the password is yours alone.">
      <SetupForm token={token} />
    </EntryPage>
  );
}
