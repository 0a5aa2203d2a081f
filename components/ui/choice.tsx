import { useId } from "react";
import type { ReactNode } from "react";

export interface ChoiceOption<T extends string> {
  value: T;
  label: ReactNode;
  /** What it means, under its name. */
  hint?: ReactNode;
  /** Why it cannot be chosen: named, one sentence. */
  disabledReason?: string | null;
}

export interface ChoiceProps<T extends string> {
  legend: ReactNode;
  name: string;
  options: readonly ChoiceOption<T>[];
  value: T;
  onChange: (value: T) => void;
}

/** One of a few ways, each with what it means. */
export function Choice<T extends string>({ legend, name, options, value, onChange }: ChoiceProps<T>) {
  const id = useId();
  return (
    <fieldset className="choices">
      <legend className="field-label">{legend}</legend>
      {options.map((option) => (
        <label key={option.value} className="check" data-disabled={option.disabledReason ? "" : undefined}>
          <input
            type="radio"
            name={`${name}${id}`}
            value={option.value}
            checked={option.value === value}
            aria-disabled={option.disabledReason ? true : undefined}
            onChange={() => (option.disabledReason ? undefined : onChange(option.value))}
          />
          <span>
            {option.label}
            {option.disabledReason ?? option.hint ? <span className="muted block">{option.disabledReason ?? option.hint}</span> : null}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
