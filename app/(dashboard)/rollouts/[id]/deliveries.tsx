"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toDeliveries } from "@/app/(dashboard)/rollouts/to-deliveries";
import { DeliveryList } from "@/components/rollouts/delivery-list";
import { Button } from "@/components/ui/button";
import { announce } from "@/components/ui/live-region";
import { SectionHead } from "@/components/ui/verdict";
import type { RolloutDto } from "@/lib/contract/rollouts";
import { ApiError, postJson } from "@/lib/queries/api-client";
import { rolloutDeliveriesQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";

/** Whom this rollout told, and what did not arrive. Who may not read it is not bothered with it. */
export function Deliveries({ rollout }: { rollout: RolloutDto }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const scope = { service: rollout.service, environment: rollout.environment };
  const query = useQuery({ ...rolloutDeliveriesQuery(rollout.id), enabled: refusal("deliveries.read", scope) === null });
  const [failure, setFailure] = useState<{ id: string; message: string } | null>(null);
  const items = query.data?.items ?? [];
  if (items.length === 0) return null;
  const mayNot = refusal("deliveries.resend", scope);
  async function resend(id: string, to: string) {
    setFailure(null);
    try {
      await postJson(`deliveries/${id}/resend`, {});
      announce(`It is sent to ${to} once more.`);
      await client.invalidateQueries({ queryKey: ["deliveries"] });
    } catch (error) {
      setFailure({ id, message: error instanceof ApiError ? error.message : "The request could not be sent." });
    }
  }
  const failed = items.filter((delivery) => delivery.status === "failed").length;
  return (
    <section className="section" aria-labelledby="deliveries">
      <SectionHead id="deliveries" title="Who was told" note={failed > 0 ? `${failed} did not arrive` : null} end="UTC" />
      <DeliveryList
        rows={toDeliveries(items).map((row) => ({
          ...row,
          error: failure?.id === row.key ? failure.message : row.error,
          action: row.settled ? (
            <Button size="small" aria-label={`Send to ${row.to} again: ${row.text}`} disabledReason={mayNot} onClick={() => void resend(row.key, row.to)}>
              Resend
            </Button>
          ) : null,
        }))}
      />
    </section>
  );
}
