import { formatCount } from "./format";

/** Rows never move under the pointer: new ones wait until they are asked for. Nothing is drawn for zero. */
export function NewRows({ count, onApply }: { count: number; onApply: () => void }) {
  if (count === 0) return null;
  return (
    <button type="button" className="btn btn-small" onClick={onApply}>
      {formatCount(count)} new, apply
    </button>
  );
}
