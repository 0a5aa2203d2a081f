"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ActDialog } from "@/app/(dashboard)/act-dialog";
import { conditionWord, plural } from "@/app/(dashboard)/words";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import { SectionHead } from "@/components/ui/verdict";
import type { FindingGroup } from "@/lib/contract/fleet";
import type { GrantWaiverRequest } from "@/lib/contract/policies";
import { isWaivable } from "@/lib/domain/drift/waivable";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { postJson } from "@/lib/queries/api-client";
import { useRefusal } from "@/lib/queries/use-session";
import { WAIVER_DAYS, describeWhere, whyNotWaive } from "./to-drift";

const DAY_MS = 86_400_000;

/** Waives a cause, or says why it cannot be. */
export function WaiveButton({ group, onClick }: { group: FindingGroup; onClick: () => void }) {
  const refusal = useRefusal();
  if (group.service === null || group.environment === null) return null;
  return (
    <Button look="quiet" disabledReason={whyNotWaive(group) ?? refusal("waivers.grant", { service: group.service, environment: group.environment })} onClick={onClick}>
      Waive…
    </Button>
  );
}

/** Excuses a cause for some days, with a reason. */
export function Waive({ group, onClose }: { group: FindingGroup; onClose: () => void }) {
  const client = useQueryClient();
  const [days, setDays] = useState(7);
  const { service, environment, kind } = group;
  if (service === null || environment === null || !isWaivable(kind)) return null;
  return (
    <ActDialog
      title={`Waive ${conditionWord(kind)} of ${service} in ${environment}`}
      label={`Waive for ${days} ${plural(days, "day")}`}
      reason="required"
      done="It is waived."
      onClose={onClose}
      onAct={async (reason, key) => {
        const body: GrantWaiverRequest = { service, environment, partition: group.partition ?? DEFAULT_PARTITION, category: kind, reason, expiresAt: new Date(Date.now() + days * DAY_MS - 60_000).toISOString() };
        await postJson("waivers", body, key);
        await Promise.all([["findings"], ["fleet", "matrix"], ["settings", "waivers"]].map((queryKey) => client.invalidateQueries({ queryKey })));
      }}
    >
      <p>
        {group.title}. All that is {conditionWord(kind)} at {describeWhere(group)} stays recorded and is not counted, also what comes later. It counts again by itself when the time is over.
      </p>
      <Field label="For">
        {(wiring) => (
          <select className="input" value={days} onChange={(event) => setDays(Number(event.target.value))} {...wiring}>
            {WAIVER_DAYS.map((each) => (
              <option key={each} value={each}>
                {each} {plural(each, "day")}
              </option>
            ))}
          </select>
        )}
      </Field>
    </ActDialog>
  );
}

/** What is waived, quietly, at the end: with who said so, why and until when. */
export function Waived({ groups }: { groups: readonly FindingGroup[] }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const [ending, setEnding] = useState<FindingGroup | null>(null);
  if (groups.length === 0) return null;
  return (
    <section className="section" aria-labelledby="waived">
      <SectionHead id="waived" title="Waived" note="recorded, not counted" end={formatCount(groups.length)} />
      <Table label="Waived" dense stack>
        <thead>
          <tr>
            <th scope="col">Cause</th>
            <th scope="col">Where</th>
            <th scope="col" className="num">
              Instances
            </th>
            <th scope="col">By, and why</th>
            <th scope="col">Until, UTC</th>
            <th scope="col">
              <span className="visually-hidden">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.key}>
              <th scope="row" className="wraps" data-phone="wide">
                {group.title}
              </th>
              <td className="wraps">{describeWhere(group)}</td>
              <td className="num" data-phone="end">
                {formatCount(group.instances)}
              </td>
              <td className="wraps" data-phone="wide">
                {group.waiver ? (
                  <>
                    {group.waiver.by}: <span className="muted">{group.waiver.reason ?? "the reason was redacted"}</span>
                  </>
                ) : null}
              </td>
              <td>{group.waiver ? <Timestamp at={group.waiver.until} zone={false} /> : null}</td>
              <td className="num" data-phone="end">
                <Button
                  size="small"
                  aria-label={`End the waiver: ${group.title}`}
                  disabledReason={refusal("waivers.end", { ...(group.service !== null && { service: group.service }), ...(group.environment !== null && { environment: group.environment }) })}
                  onClick={() => setEnding(group)}
                >
                  End…
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      {ending?.waiver ? (
        <ActDialog
          title="End the waiver"
          label="End"
          reason="required"
          done="The waiver has ended."
          onClose={() => setEnding(null)}
          onAct={async (reason, key) => {
            await postJson("waivers/end", { waiver: ending.waiver?.id, reason }, key);
            await Promise.all([["findings"], ["fleet", "matrix"], ["settings", "waivers"]].map((queryKey) => client.invalidateQueries({ queryKey })));
          }}
        >
          <p>{ending.title}. It counts as drift again at once.</p>
        </ActDialog>
      ) : null}
    </section>
  );
}
