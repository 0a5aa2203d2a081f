"use client";

import { useQuery } from "@tanstack/react-query";
import { StateView } from "@/components/ui/state-view";
import { Verdict } from "@/components/ui/verdict";
import { channelsQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { ListError } from "../form-parts";
import { SettingsNav } from "../nav";
import { Channels } from "./channels";
import { Deliveries } from "./deliveries";
import { NewChannel } from "./channel-form";

export function NotificationsPage() {
  const refusal = useRefusal();
  const missing = refusal("channels.read");
  const { data, error, isPending } = useQuery({ ...channelsQuery(), enabled: missing === null });
  return (
    <>
      <Verdict parts={["Notifications"]} sub="Who is told when a rollout starts, waits, pauses, fails or is done. No decision waits for a message to arrive." />
      <SettingsNav />
      {missing ? (
        <StateView kind="empty" title="You have no right to see notifications." body={missing} />
      ) : (
        <>
          <ListError error={error} what="Channels" />
          {isPending ? <StateView kind="loading" label="Loading: channels" rows={3} /> : null}
          {data ? <Channels items={data.items} /> : null}
          <NewChannel />
          <Deliveries />
        </>
      )}
    </>
  );
}
