import Link from "next/link";
import type { ReactNode } from "react";
import { Age } from "@/components/ui/age";
import { shortDigest } from "@/components/ui/derive-stripe";
import { formatCount } from "@/components/ui/format";
import type { Moment } from "@/components/ui/format";
import { LiveRegion } from "@/components/ui/live-region";
import { Menu } from "@/components/ui/menu";
import type { Theme } from "@/components/ui/preferences";
import { StatusShape } from "@/components/ui/status-shape";
import { initialsOf } from "./initials";
import { UtcClock } from "./live-pill";
import { NavLinks } from "./nav-links";
import type { NavCounts } from "./nav-links";
import { ThemeToggle } from "./theme-toggle";

export interface ShellUser {
  name: string;
  email: string;
}

/** What the footer says of the ledger: its size, its root, and who else holds that checkpoint. */
export interface Checkpoint {
  size: number;
  root: string | null;
  heldBy?: number;
  agents?: number;
  /** Why nothing is signed now. */
  fault?: string | null;
  at?: Moment | null;
}

export interface ShellProps {
  /** Null on pages before sign-in: no navigation then. */
  user: ShellUser | null;
  theme: Theme;
  counts?: NavCounts;
  /** The pill: usually a client component that maps the live connection to `<LivePill>`. */
  live?: ReactNode;
  checkpoint?: Checkpoint | null;
  /** The demo runs beside the real thing; its ribbon lasts while it does. */
  demo?: boolean;
  /** Inside `<form method="post">`, next to the button: hidden fields, if the action needs any. */
  signOut?: { action: string; fields?: Record<string, string> };
  children: ReactNode;
}

function UserPart({ user, theme, signOut }: Pick<ShellProps, "user" | "theme" | "signOut">) {
  return (
    <>
      {user ? (
        <p className="menu-note wrap-anywhere">
          {user.name}
          <br />
          {user.email}
        </p>
      ) : null}
      <ThemeToggle initial={theme} />
      {user && signOut ? (
        <>
          <hr />
          <form method="post" action={signOut.action}>
            {Object.entries(signOut.fields ?? {}).map(([name, value]) => (
              <input key={name} type="hidden" name={name} value={value} />
            ))}
            <button type="submit">Sign out</button>
          </form>
        </>
      ) : null}
    </>
  );
}

/** The frame of every page: masthead, plumb line, bob and footer. */
export function Shell({ user, theme, counts = {}, live, checkpoint, demo, signOut, children }: ShellProps) {
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <div className="plumb" aria-hidden="true" />
      {demo ? (
        <div className="demo-ribbon" role="note">
          <b>DEMO</b>
          <span>A simulated fleet with its own data and its own ledger. Nothing here touches a real machine.</span>
        </div>
      ) : null}
      <header className="mast">
        <Link className="mast-brand" href={user ? "/fleet" : "/"}>
          Plumbline
        </Link>
        {user ? (
          <nav className="mast-nav" aria-label="Main">
            <NavLinks counts={counts} />
          </nav>
        ) : null}
        <div className="mast-end">
          <UtcClock />
          {live}
          <div className="user-menu">
            <Menu label={user ? `${user.name}, account and theme` : "Theme"} buttonClassName="who" button={user ? initialsOf(user.name) : <StatusShape kind="rolling" tone="neutral" />}>
              <UserPart user={user} theme={theme} signOut={signOut} />
            </Menu>
          </div>
          <div className="phone-menu">
            <Menu label="Menu" buttonClassName="who" button={<StatusShape kind="menu" size={16} />}>
              {user ? (
                <>
                  <nav aria-label="Main">
                    <NavLinks counts={counts} />
                  </nav>
                  <hr />
                </>
              ) : null}
              <UserPart user={user} theme={theme} signOut={signOut} />
            </Menu>
          </div>
        </div>
      </header>
      <main className="page" id="main" tabIndex={-1}>
        {children}
      </main>
      <footer className="foot">
        {checkpoint ? (
          <>
            <span>
              Ledger {formatCount(checkpoint.size)} {checkpoint.size === 1 ? "entry" : "entries"}
              {checkpoint.root ? (
                <>
                  , root <span className="mono">{shortDigest(checkpoint.root)}…</span>
                </>
              ) : null}
            </span>
            {checkpoint.fault ? (
              <strong className="ledger-fault" role="alert">
                {checkpoint.fault}
              </strong>
            ) : null}
            {checkpoint.agents ? (
              <span>
                Checkpoints held by {formatCount(checkpoint.heldBy ?? 0)} of {formatCount(checkpoint.agents)} agents
                {checkpoint.at ? (
                  <>
                    , <Age at={checkpoint.at} suffix="ago" />
                  </>
                ) : null}
              </span>
            ) : null}
          </>
        ) : null}
      </footer>
      <svg className="bob" viewBox="0 0 13 18" aria-hidden="true">
        <path d="M6.5 0v4" stroke="currentColor" />
        <path d="M1 4h11v3L6.5 18 1 7z" fill="currentColor" />
      </svg>
      <LiveRegion />
    </>
  );
}
