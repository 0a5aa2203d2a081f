"use client";

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { LiveStatus } from "@/components/shell/live-status";
import { Shell } from "@/components/shell/shell";
import { syncClock } from "@/components/ui/clock";
import type { Theme } from "@/components/ui/preferences";
import type { SessionDto } from "@/lib/contract/access";
import { ROLES } from "@/lib/domain/access/roles";
import { OPEN_FINDINGS, findingsQuery, matrixQuery, sessionQuery } from "@/lib/queries/queries";
import { useLiveChanges } from "@/lib/queries/use-live-changes";
import { StartHost } from "./start/start-host";

/** A root travels as in the checkpoint, in base64; people compare hashes in hexadecimal. */
function toHex(base64: string): string {
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

/** What stands under the name in the menu: who this is, by what they may. */
function describeRoles(session: SessionDto): string {
  const roles = ROLES.filter((role) => session.roles.some((held) => held.role === role));
  if (roles.length === 0) return "No role yet: ask an administrator.";
  return roles.length === ROLES.length ? "All roles" : roles.join(", ");
}

/** The frame of every page behind sign-in, with the one live connection of the tab. */
export function Frame({ theme, children }: { theme: Theme; children: ReactNode }) {
  const live = useLiveChanges(syncClock);
  const { data: session } = useQuery(sessionQuery());
  const { data: matrix } = useQuery(matrixQuery());
  const { data: findings } = useQuery(findingsQuery(OPEN_FINDINGS));
  const rollouts = new Set(matrix?.rows.flatMap((row) => row.cells.flatMap((cell) => (cell.rollout ? [cell.rollout.id] : []))));
  return (
    <Shell
      user={session ? { name: session.name, email: describeRoles(session) } : { name: "…", email: "" }}
      theme={theme}
      counts={{ drift: findings?.groups.length, rollouts: rollouts.size }}
      live={<LiveStatus state={live} />}
      checkpoint={matrix ? { ...matrix.ledger, root: matrix.ledger.root === null ? null : toHex(matrix.ledger.root) } : null}
      demo={session?.demo}
      signOut={session && !session.demo ? { action: "/sign-out" } : undefined}
    >
      {children}
      <StartHost />
    </Shell>
  );
}
