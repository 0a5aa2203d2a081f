import { useId } from "react";
import type { ReactNode } from "react";

export interface MenuItemProps {
  children: ReactNode;
  onChoose: () => void;
  /** Accessible name, where the words alone say too little. */
  label?: string;
  /** Disables it and says why, under it. It keeps its focus, so that the reason is heard. */
  disabledReason?: string | null;
}

/** One act in a menu. */
export function MenuItem({ children, onChoose, label, disabledReason }: MenuItemProps) {
  const id = useId();
  return (
    <>
      <button type="button" data-choice="" aria-label={label} aria-disabled={disabledReason ? true : undefined} aria-describedby={disabledReason ? id : undefined} onClick={disabledReason ? undefined : onChoose}>
        {children}
      </button>
      {disabledReason ? (
        <p className="menu-note" id={id}>
          {disabledReason}
        </p>
      ) : null}
    </>
  );
}
