import type { Metadata } from "next";
import { EntryPage } from "@/app/entry-page";
import { ButtonLink } from "@/components/ui/button";

export const metadata: Metadata = { title: "Not found" };

export default function NotFoundPage() {
  return (
    <EntryPage title="There is nothing at this address." intro="It never existed, or it is gone.">
      <p className="entry-note">
        <ButtonLink href="/fleet">Go to the fleet</ButtonLink>
      </p>
    </EntryPage>
  );
}
