"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { plural } from "@/app/(dashboard)/words";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { DigestStripe } from "@/components/ui/digest-stripe";
import { Field, Textarea } from "@/components/ui/field";
import { formatCount } from "@/components/ui/format";
import { Tag } from "@/components/ui/kbd";
import { announce } from "@/components/ui/live-region";
import { StateView } from "@/components/ui/state-view";
import { StatusShape } from "@/components/ui/status-shape";
import { Table } from "@/components/ui/table";
import { Timestamp } from "@/components/ui/timestamp";
import type { AdoptionPreview, AdoptionReceipt } from "@/lib/contract/adoption";
import { DEFAULT_PARTITION } from "@/lib/domain/fleet/names";
import { ApiError, postJson } from "@/lib/queries/api-client";
import { adoptionQuery, environmentsQuery } from "@/lib/queries/queries";
import { useRefusal } from "@/lib/queries/use-session";
import { describeAdoption } from "./to-adoption";

type Failure = { message: string; changed: readonly string[]; requestId: string | null };

/** What an adoption would do, one confirmation, and its receipt. */
export function AdoptDialog({ environment: given, service, onClose }: { environment: string | null; service: string | null; onClose: () => void }) {
  const client = useQueryClient();
  const refusal = useRefusal();
  const [environment, setEnvironment] = useState(given);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [receipt, setReceipt] = useState<AdoptionReceipt | null>(null);
  const key = useRef<string>(undefined);
  const environments = useQuery(environmentsQuery());
  const preview = useQuery(adoptionQuery({ environment, service }));
  const scope = { ...(environment !== null && { environment }), ...(service !== null && { service }) };

  async function adopt({ revision }: AdoptionPreview) {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    key.current ??= crypto.randomUUID();
    try {
      const done = await postJson<AdoptionReceipt>("adoption", { ...scope, revision, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) }, key.current);
      setReceipt(done);
      announce(`Adopted ${done.services} ${plural(done.services, "service")}.`);
      await Promise.all([["fleet"], ["findings"], ["releases"], ["adoption"]].map((queryKey) => client.invalidateQueries({ queryKey })));
    } catch (error) {
      // A refusal is final for this key; a lost answer may have been a yes.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) key.current = undefined;
      const problem = error instanceof ApiError ? error.problem : null;
      setFailure({ message: problem?.detail ?? "Something went wrong on this page. Reload it and try again.", changed: problem?.changed ?? [], requestId: problem && problem.requestId !== "none" ? problem.requestId : null });
    }
    setBusy(false);
  }

  function lookAgain() {
    setFailure(null);
    key.current = undefined;
    void preview.refetch();
  }

  return (
    <Dialog open onClose={onClose} width="860px" title={service === null ? "Adopt what runs" : `Adopt ${service} as it runs`}>
      {receipt ? (
        <Receipt receipt={receipt} onClose={onClose} />
      ) : (
        <div className="act-form">
          <div className="act-words">
            <p>What runs now becomes releases, approvals and assignments by one ledger entry. No host is told to do anything. Nobody vouched for it: it stays marked as adopted, without evidence, and whatever differs from it is drift from then on.</p>
            <Field label="Where">
              {(wiring) => (
                <select
                  className="input"
                  value={environment ?? ""}
                  onChange={(event) => {
                    setEnvironment(event.target.value === "" ? null : event.target.value);
                    setFailure(null);
                    key.current = undefined;
                  }}
                  {...wiring}
                >
                  <option value="">all environments</option>
                  {(environments.data?.items ?? []).map(({ name }) => (
                    <option key={name} value={name}>
                      {name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          </div>
          {preview.data ? (
            <Preview preview={preview.data} />
          ) : preview.error ? (
            <StateView kind="error" title="The preview could not be made." cause={preview.error.message} onRetry={() => void preview.refetch()} />
          ) : (
            <StateView kind="loading" label="The preview is being made" rows={6} columns={4} />
          )}
          <Textarea label="Note, if you like; goes into the ledger" name="reason" rows={2} maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />
          <div role="alert">{failure ? <Refused failure={failure} onLookAgain={lookAgain} /> : null}</div>
          <div className="state-actions">
            <Button
              look="act"
              aria-busy={busy}
              disabledReason={preview.data ? (preview.data.refusal ?? refusal("fleet.adopt", scope) ?? (preview.isFetching ? "The preview is being made anew." : null)) : "The preview is still being made."}
              onClick={() => (preview.data ? void adopt(preview.data) : undefined)}
            >
              {busy ? "Adopting…" : preview.data && preview.data.totals.services > 0 ? `Adopt ${formatCount(preview.data.totals.services)} ${plural(preview.data.totals.services, "service")}` : "Adopt"}
            </Button>
            <Button look="quiet" onClick={onClose}>
              Cancel
            </Button>
          </div>
        </div>
      )}
    </Dialog>
  );
}

function Refused({ failure, onLookAgain }: { failure: Failure; onLookAgain: () => void }) {
  return (
    <>
      <p className="entry-error">
        <StatusShape kind="alert" size={12} /> {failure.message}
        {failure.requestId ? (
          <>
            {" "}
            Request <code>{failure.requestId}</code>
          </>
        ) : null}
      </p>
      {failure.changed.length > 0 ? (
        <>
          <ul>
            {failure.changed.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
          <Button size="small" onClick={onLookAgain}>
            Look again
          </Button>
        </>
      ) : null}
    </>
  );
}

function Receipt({ receipt, onClose }: { receipt: AdoptionReceipt; onClose: () => void }) {
  return (
    <div className="act-form">
      <div className="act-words">
        <p>
          <StatusShape kind="check" size={12} /> <b>Adopted.</b> {formatCount(receipt.services)} {plural(receipt.services, "service")}, {formatCount(receipt.releases)} {plural(receipt.releases, "release")} at {formatCount(receipt.places)} {plural(receipt.places, "place")},{" "}
          {formatCount(receipt.instances)} {plural(receipt.instances, "instance")}.
        </p>
        <p>
          Ledger entry {formatCount(receipt.entry)}, <Timestamp at={receipt.at} />. {receipt.leftOut > 0 ? `${formatCount(receipt.leftOut)} ${plural(receipt.leftOut, "instance was", "instances were")} left out; the entry says why.` : "Nothing was left out."}
        </p>
      </div>
      <div className="state-actions">
        <Button look="act" onClick={onClose}>
          Done
        </Button>
      </div>
    </div>
  );
}

function placeOf({ environment, partition }: { environment: string; partition: string }): string {
  return partition === DEFAULT_PARTITION ? environment : `${environment} / ${partition}`;
}

function Preview({ preview }: { preview: AdoptionPreview }) {
  const { places, leftOut, totals } = preview;
  return (
    <>
      <p aria-live="polite">
        {describeAdoption(preview)} As of <Timestamp at={preview.asOf} />.
      </p>
      {leftOut.length > 0 ? (
        <div className="section-gap">
          <Table label="Left out" dense stack>
            <thead>
              <tr>
                <th scope="col">Left out</th>
                <th scope="col">Where</th>
                <th scope="col">Digest</th>
                <th scope="col" className="num">
                  Instances
                </th>
                <th scope="col">Why</th>
              </tr>
            </thead>
            <tbody>
              {leftOut.map((one) => (
                <tr key={`${one.reason} ${one.service} ${one.environment} ${one.partition} ${one.component} ${one.digest} ${one.reference}`}>
                  <th scope="row">{one.service ?? "no service"}</th>
                  <td>{placeOf(one)}</td>
                  <td>{one.digest ? <DigestStripe digest={one.digest} /> : <span className="muted">none</span>}</td>
                  <td className="num" data-phone="end">
                    {formatCount(one.instances)}
                  </td>
                  <td className="wraps" data-phone="wide">
                    {one.sentence}
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
          {totals.leftOut > leftOut.length ? <p className="more muted">And {formatCount(totals.leftOut - leftOut.length)} more kinds of copies. Choose one environment to see them.</p> : null}
        </div>
      ) : null}
      {places.length > 0 ? (
        <div className="section-gap">
          <Table label="Assigned as it runs" dense stack>
            <thead>
              <tr>
                <th scope="col">Assigned</th>
                <th scope="col">Where</th>
                <th scope="col">Release</th>
                <th scope="col" className="num">
                  Instances
                </th>
                <th scope="col">Known by</th>
              </tr>
            </thead>
            <tbody>
              {places.map((place) => (
                <tr key={`${place.service} ${place.environment} ${place.partition}`}>
                  <th scope="row">{place.service}</th>
                  <td>{placeOf(place)}</td>
                  <td className="wraps" data-phone="wide">
                    <b>{place.version}</b> {place.registered ? <Tag>registered</Tag> : null} {place.components.map(({ name, digest }) => <DigestStripe key={name} digest={digest} />)}
                  </td>
                  <td className="num" data-phone="end">
                    {formatCount(place.instances)}
                    {place.leftOut > 0 ? <span className="muted">, {formatCount(place.leftOut)} left out</span> : null}
                  </td>
                  <td data-phone="hide">
                    {formatCount(place.components.reduce((sum, { digests }) => sum + digests.length, 0))} {plural(place.components.reduce((sum, { digests }) => sum + digests.length, 0), "digest")}
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
          {totals.places > places.length ? <p className="more muted">And {formatCount(totals.places - places.length)} more places.</p> : null}
        </div>
      ) : null}
    </>
  );
}
