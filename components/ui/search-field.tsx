import { StatusShape } from "./status-shape";
import { Kbd } from "./kbd";

export interface SearchFieldProps {
  /** Where the `/` key goes. */
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** Narrows the rows below it. */
export function SearchField({ id, label, value, onChange }: SearchFieldProps) {
  return (
    <div className="search">
      <StatusShape kind="find" />
      <input id={id} type="search" aria-label={label} placeholder={label} value={value} onChange={(event) => onChange(event.target.value)} />
      <Kbd>/</Kbd>
    </div>
  );
}
