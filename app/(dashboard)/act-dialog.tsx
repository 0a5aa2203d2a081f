"use client";

import { useRef, useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Textarea } from "@/components/ui/field";
import { announce } from "@/components/ui/live-region";
import { StatusShape } from "@/components/ui/status-shape";
import { ApiError } from "@/lib/queries/api-client";

export interface ActDialogProps {
  title: string;
  /** What it does and what it leaves, in words; ways to choose from, too. */
  children: ReactNode;
  /** On the button: "Reconverge 9". */
  label: string;
  /** `required` refuses an empty reason; `none` asks for none. */
  reason: "required" | "optional" | "none";
  disabledReason?: string | null;
  /** Sends it. `key` is the idempotency key: the same one for a retry after a lost answer. */
  onAct: (reason: string, key: string) => Promise<void>;
  onClose: () => void;
  /** Said when it worked. */
  done: string;
}

/** One decision of a person, with its consequences in words and a reason that goes into the ledger. */
export function ActDialog({ title, children, label, reason: asks, disabledReason, onAct, onClose, done }: ActDialogProps) {
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ message: string; requestId: string | null } | null>(null);
  const key = useRef<string>(undefined);
  const form = useRef<HTMLFormElement>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || disabledReason) return;
    if (asks === "required" && reason.trim() === "") {
      setMissing(true);
      form.current?.querySelector("textarea")?.focus();
      return;
    }
    setBusy(true);
    setFailure(null);
    key.current ??= crypto.randomUUID();
    try {
      await onAct(reason.trim(), key.current);
      announce(done);
      onClose();
    } catch (error) {
      if (error instanceof ApiError) {
        if (error.status >= 400 && error.status < 500) key.current = undefined;
        const { problem } = error;
        const sentences = problem.reasons?.map((item) => item.sentence) ?? problem.fields?.map((field) => `${field.path}: ${field.message}`) ?? [];
        setFailure({ message: sentences.length > 0 ? sentences.join(" ") : problem.detail, requestId: problem.requestId === "none" ? null : problem.requestId });
      } else {
        setFailure({ message: "Something went wrong on this page. Reload it and try again.", requestId: null });
      }
      setBusy(false);
    }
  }

  return (
    <Dialog open onClose={onClose} title={title}>
      <form ref={form} onSubmit={submit} noValidate className="act-form">
        <div className="act-words">{children}</div>
        {asks === "none" ? null : (
          <Textarea
            label={asks === "required" ? "Reason, goes into the ledger" : "Note, if you like; goes into the ledger"}
            name="reason"
            rows={2}
            maxLength={2000}
            value={reason}
            error={missing && reason.trim() === "" ? "Say why, in a few words." : null}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
        <div role="alert">
          {failure ? (
            <p className="entry-error">
              <StatusShape kind="alert" size={12} /> {failure.message}
              {failure.requestId ? (
                <>
                  {" "}
                  Request <code>{failure.requestId}</code>
                </>
              ) : null}
            </p>
          ) : null}
        </div>
        <div className="state-actions">
          <Button type="submit" look="act" disabledReason={disabledReason} aria-busy={busy}>
            {busy ? "Sending…" : label}
          </Button>
          <Button look="quiet" onClick={onClose}>
            Cancel
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
