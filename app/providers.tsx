"use client";

import { QueryClientProvider } from "@tanstack/react-query";
import { NuqsAdapter } from "nuqs/adapters/next/app";
import { useState } from "react";
import type { ReactNode } from "react";
import { createQueryClient } from "@/lib/queries/query-client";

function goToSignIn(): void {
  if (typeof window === "undefined" || window.location.pathname === "/sign-in") return;
  window.location.assign(`/sign-in?next=${encodeURIComponent(window.location.pathname + window.location.search)}`);
}

/** What every page's client part needs: one query cache for the tab, and the URL as state. */
export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(() => createQueryClient({ onSignedOut: goToSignIn }));
  return (
    <QueryClientProvider client={client}>
      <NuqsAdapter>{children}</NuqsAdapter>
    </QueryClientProvider>
  );
}
