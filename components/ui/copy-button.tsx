"use client";

import { useState } from "react";
import type { ReactNode } from "react";
import { announce } from "./live-region";

/** The clipboard needs a secure origin; a plain-http console on another host falls back to a selection. */
async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "visually-hidden";
  // Inside an open modal dialog the rest of the page is inert and cannot hold a selection.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

export interface CopyButtonProps {
  text: string;
  /** Accessible name. */
  label: string;
  title?: string;
  className?: string;
  children: ReactNode;
  /** What replaces the children for two seconds after it worked. */
  done?: ReactNode;
}

/** Copies a text and says so, to eyes and to ears. */
export function CopyButton({ text, label, title, className = "btn btn-small", children, done }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    const worked = await copyText(text);
    announce(worked ? "Copied" : "Copying failed: select the text instead");
    if (!worked) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  }
  return (
    <button type="button" className={className} aria-label={label} title={title} onClick={copy}>
      {copied && done ? done : children}
    </button>
  );
}
