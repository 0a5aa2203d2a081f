import { useId } from "react";
import type { ComponentProps, ReactNode } from "react";
import { StatusShape } from "./status-shape";

interface Labelled {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | null;
}

interface Wiring {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean | undefined;
}

/** Label, control, hint and error, wired together. `children` gets what the control must carry. */
export function Field({ label, hint, error, children }: Labelled & { children: (wiring: Wiring) => ReactNode }) {
  const id = useId();
  const describedBy = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      {children({ id, "aria-describedby": describedBy || undefined, "aria-invalid": error ? true : undefined })}
      {hint ? (
        <p className="why" id={`${id}-hint`}>
          {hint}
        </p>
      ) : null}
      {error ? (
        <p className="field-error" id={`${id}-error`}>
          <StatusShape kind="alert" size={12} />
          {error}
        </p>
      ) : null}
    </div>
  );
}

/** A line of text with its label. */
export function Input({ label, hint, error, ...rest }: Labelled & ComponentProps<"input">) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => <input className="input" type="text" {...rest} {...wiring} />}
    </Field>
  );
}

/** Several lines of text with their label. */
export function Textarea({ label, hint, error, ...rest }: Labelled & ComponentProps<"textarea">) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => <textarea className="input" {...rest} {...wiring} />}
    </Field>
  );
}

/** A choice that is on or off, with what it means under its name. */
export function Checkbox({ label, hint, ...rest }: { label: ReactNode; hint?: ReactNode } & ComponentProps<"input">) {
  return (
    <label className="check">
      <input type="checkbox" {...rest} />
      <span>
        {label}
        {hint ? <span className="muted block">{hint}</span> : null}
      </span>
    </label>
  );
}
