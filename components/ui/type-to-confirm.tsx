"use client";

import { useState } from "react";
import { Button } from "./button";
import { Input } from "./field";

export interface TypeToConfirmProps {
  /** The words to type: the service's name. */
  expected: string;
  /** "Roll back payments". */
  label: string;
  /** Name of the field in the surrounding form; the server compares again. */
  name?: string;
  /** Without it, the surrounding form is submitted. */
  onFire?: () => void;
  disabledReason?: string | null;
}

/** For what cannot be taken back: the name must be typed. */
export function TypeToConfirm({ expected, label, name = "confirm", onFire, disabledReason }: TypeToConfirmProps) {
  const [typed, setTyped] = useState("");
  const [missed, setMissed] = useState(false);
  const right = typed.trim() === expected;
  return (
    <div className="type-confirm">
      <Input
        label={
          <>
            Type <b className="text-ink">{expected}</b> to confirm
          </>
        }
        name={name}
        value={typed}
        required
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        error={missed && !right ? `This is not “${expected}”.` : null}
        onChange={(event) => setTyped(event.target.value)}
      />
      <Button
        type="submit"
        look="act"
        size="large"
        disabledReason={disabledReason}
        onClick={(event) => {
          if (!right) {
            event.preventDefault();
            setMissed(true);
          } else if (onFire) {
            event.preventDefault();
            onFire();
          }
        }}
      >
        {label}
      </Button>
    </div>
  );
}
