"use client";

import { useQuery } from "@tanstack/react-query";
import { SettingsNav } from "@/app/(dashboard)/settings/nav";
import { Verdict } from "@/components/ui/verdict";
import { environmentsQuery, freezesQuery, holdsQuery, recallsQuery, waiversQuery } from "@/lib/queries/queries";
import { Freezes } from "./freezes";
import { Holds } from "./holds";
import { Recalls } from "./recalls";
import { describePolicies } from "./to-freezes";
import { Waivers } from "./waivers";

/** What may not be promoted, what may not run, and what is excused: each with who said so and why. */
export function FreezesPage() {
  const freezes = useQuery(freezesQuery());
  const holds = useQuery(holdsQuery());
  const waivers = useQuery(waiversQuery());
  const recalls = useQuery(recallsQuery());
  const { data } = useQuery(environmentsQuery());
  const environments = (data?.items ?? []).map(({ name }) => name);
  return (
    <>
      <Verdict
        parts={describePolicies({ freezes: freezes.data?.items ?? [], holds: holds.data?.items ?? [], waivers: waivers.data?.items ?? [], recalls: recalls.data?.items ?? [] })}
        sub="A rollback is never frozen and never held. Each of these stands in the ledger, with its reason."
      />
      <SettingsNav />
      <Freezes query={freezes} environments={environments} />
      <Holds query={holds} environments={environments} />
      <Waivers query={waivers} environments={environments} />
      <Recalls query={recalls} />
    </>
  );
}
