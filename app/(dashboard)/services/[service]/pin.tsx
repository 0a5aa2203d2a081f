"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { Field } from "@/components/ui/field";
import type { PinRequest } from "@/lib/contract/partitions";
import { postJson } from "@/lib/queries/api-client";
import type { ServiceEnvironment } from "./to-service";

const DAY_MS = 86_400_000;
const DAYS = [1, 7, 30, 90, 365];

/** Pins a partition, or ends its pin. */
export function PinDialog({ service, row, where, onClose }: { service: string; row: ServiceEnvironment; where: string; onClose: () => void }) {
  const client = useQueryClient();
  const [days, setDays] = useState(0);
  const { pin, partition } = row;
  const settle = () => Promise.all([["fleet", "matrix"], ["fleet", "service"]].map((queryKey) => client.invalidateQueries({ queryKey })));
  if (pin) {
    return (
      <ActDialog
        title={`Unpin ${where}`}
        label="Unpin"
        reason="required"
        done="It is unpinned."
        onClose={onClose}
        onAct={async (reason, key) => {
          await postJson("pins/end", { pin: pin.id, reason }, key);
          await settle();
        }}
      >
        <p>Promotions and rollbacks touch it again like the others afterwards. Nothing that runs changes by this.</p>
      </ActDialog>
    );
  }
  return (
    <ActDialog
      title={`Pin ${where}`}
      label="Pin"
      reason="required"
      done="It is pinned."
      onClose={onClose}
      onAct={async (reason, key) => {
        const request: PinRequest = { service, environment: row.environment.name, partition, reason, ...(days > 0 && { expiresAt: new Date(Date.now() + days * DAY_MS).toISOString() }) };
        await postJson("pins", request, key);
        await settle();
      }}
    >
      <p>
        It stays on {row.assigned?.version ?? "what it has"}: no promotion touches it, and a rollback only when somebody names it. Everything else beside it is in order.
      </p>
      <Field label="Until">
        {(wiring) => (
          <select className="input" value={days} onChange={(event) => setDays(Number(event.target.value))} {...wiring}>
            <option value={0}>somebody unpins it</option>
            {DAYS.map((each) => (
              <option key={each} value={each}>
                {each === 1 ? "in a day" : `in ${each} days`}
              </option>
            ))}
          </select>
        )}
      </Field>
    </ActDialog>
  );
}
