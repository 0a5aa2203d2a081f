"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { Age } from "@/components/ui/age";
import { Button } from "@/components/ui/button";
import { Tag } from "@/components/ui/kbd";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { HangingCell, Table } from "@/components/ui/table";
import { SectionHead } from "@/components/ui/verdict";
import type { ChannelDto, ChannelWritten, DeliveryDto } from "@/lib/contract/notifications";
import { deleteJson, patchJson, postJson } from "@/lib/queries/api-client";
import { useRefusal } from "@/lib/queries/use-session";
import { Outcome } from "../form-parts";
import { useAct } from "../use-act";
import { ChangeChannel } from "./channel-form";
import { describeDestination, KIND_NAMES, STATUS_TONES, statusWord } from "./to-notifications";

export function Channels({ items }: { items: readonly ChannelDto[] }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const acted = useAct<string>();
  const [changing, setChanging] = useState<ChannelDto | null>(null);
  const [removing, setRemoving] = useState<ChannelDto | null>(null);
  const refusalFor = (item: ChannelDto) => refusal("channels.write", { service: item.service, environment: item.environment });
  const refresh = () => Promise.all([client.invalidateQueries({ queryKey: ["settings", "channels"] }), client.invalidateQueries({ queryKey: ["deliveries"] })]);

  function test(item: ChannelDto) {
    void acted.run(async () => {
      await postJson<DeliveryDto>(`channels/${item.id}/test`, {});
      await refresh();
      return `A test is on its way to ${item.name}; what came of it stands below.`;
    });
  }

  function turn(item: ChannelDto) {
    void acted.run(async () => {
      const { enabled, name } = await patchJson<ChannelWritten>(`channels/${item.id}`, { enabled: !item.enabled });
      await refresh();
      return enabled ? `${name} is on.` : `${name} is off: it is told nothing until it is switched on again.`;
    });
  }

  return (
    <section className="section" aria-labelledby="channels">
      <SectionHead id="channels" title="Channels" note="each is told about the services and environments that it names" />
      {items.length === 0 ? <StateView kind="empty" title="Nobody is told anything yet." body="Make a channel; a test shows at once whether it leads anywhere." /> : null}
      {items.length > 0 ? (
        <Table label="Channels" stack>
          <thead>
            <tr>
              <th scope="col">Channel</th>
              <th scope="col">Leads to</th>
              <th scope="col">Services, environments</th>
              <th scope="col">Is told</th>
              <th scope="col">Last</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={item.id}>
                <HangingCell tone={item.enabled && item.last?.status === "failed" ? "critical" : "neutral"} data-phone="wide">
                  <b>{item.name}</b> <span className="muted">{KIND_NAMES[item.destination.kind]}</span> {item.enabled ? null : <Tag>off</Tag>}
                </HangingCell>
                <td className="wraps" data-phone="wide">
                  {describeDestination(item.destination)}
                </td>
                <td className="wraps" data-phone="wide">
                  {item.service} in {item.environment}
                </td>
                <td className="wraps" data-phone="wide">
                  {item.events.join(", ")}
                </td>
                <td className="wraps" data-phone="wide">
                  <Last last={item.last} />
                </td>
                <td className="num" data-phone="wide">
                  <span className="row-acts">
                    <Button size="small" aria-label={`Send a test to ${item.name}`} disabledReason={refusalFor(item)} aria-busy={acted.busy} onClick={() => test(item)}>
                      Send a test
                    </Button>
                    <Button size="small" aria-label={`Switch ${item.name} ${item.enabled ? "off" : "on"}`} disabledReason={refusalFor(item)} aria-busy={acted.busy} onClick={() => turn(item)}>
                      {item.enabled ? "Switch off" : "Switch on"}
                    </Button>
                    <Button size="small" aria-label={`Change ${item.name}`} disabledReason={refusalFor(item)} onClick={() => setChanging(item)}>
                      Change…
                    </Button>
                    <Button size="small" aria-label={`Remove ${item.name}`} disabledReason={refusalFor(item)} onClick={() => setRemoving(item)}>
                      Remove…
                    </Button>
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : null}
      <Outcome act={acted}>{(said) => <p className="section-gap">{said}</p>}</Outcome>
      {changing ? <ChangeChannel channel={changing} onClose={() => setChanging(null)} /> : null}
      {removing ? (
        <ActDialog
          title={`Remove the channel ${removing.name}`}
          label="Remove"
          reason="none"
          done="The channel is removed."
          onClose={() => setRemoving(null)}
          onAct={async () => {
            await deleteJson(`channels/${removing.id}`);
            await refresh();
          }}
        >
          <p>Its secret is erased, and what it was not told yet is given up. To be quiet for a while, switch it off instead.</p>
        </ActDialog>
      ) : null}
    </section>
  );
}

function Last({ last }: { last: ChannelDto["last"] }) {
  if (!last) return <span className="muted">nothing yet</span>;
  return (
    <>
      <StatusShape kind={STATUS_TONES[last.status]} size={12} /> {statusWord({ status: last.status, attempts: 1 })}, <Age at={last.at} suffix="ago" />
      {last.error ? <span className="muted block">{last.error}</span> : null}
    </>
  );
}
