"use client";

import type { MouseEvent, ReactNode } from "react";
import { ButtonLink } from "@/components/ui/button";

/** The dialog's code: fetched when a finger comes near, so that it is there when it lifts. */
export const loadRollback = () => import("./night-rollback");

export interface RollbackLinkProps {
  /** `payments/production/default`. */
  place: string;
  /** The same rollback as a page of its own: where the link leads without a script, or when one does not arrive. */
  href: string;
  look?: "plain" | "act";
  size?: "small" | "normal" | "large";
  label?: string;
  children: ReactNode;
}

/** Opens a rollback over the page; the URL says which, so that Back closes it and a reload brings it back. */
export function RollbackLink({ place, href, look, size, label, children }: RollbackLinkProps) {
  function open(event: MouseEvent<HTMLAnchorElement>) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const url = new URL(window.location.href);
    url.searchParams.set("rollback", place);
    window.history.pushState(null, "", url);
  }
  const warm = () => void loadRollback();
  return (
    <ButtonLink href={href} prefetch={false} look={look} size={size} aria-label={label} onClick={open} onPointerEnter={warm} onPointerDown={warm} onFocus={warm}>
      {children}
    </ButtonLink>
  );
}
