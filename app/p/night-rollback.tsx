"use client";

import { QueryClientProvider } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { parsePlace } from "@/app/(dashboard)/rollback/place";
import { RollbackFlow } from "@/app/(dashboard)/rollback/rollback-flow";
import { createQueryClient } from "@/lib/queries/query-client";

export interface NightRollbackProps {
  place: string;
  incident: string | null;
  reason: string;
  onClose: () => void;
}

/** The rollback of every other page, with a query cache of its own: the night page itself needs none. */
export function NightRollback({ place, incident, reason, onClose }: NightRollbackProps) {
  const router = useRouter();
  const [client] = useState(() => createQueryClient({ onSignedOut: () => router.refresh() }));
  const known = parsePlace(place);
  useEffect(() => {
    if (known === null) onClose();
  }, [known, onClose]);
  if (known === null) return null;
  return (
    <QueryClientProvider client={client}>
      <RollbackFlow
        place={known}
        initialIncident={incident ?? ""}
        initialReason={reason}
        onClose={() => {
          onClose();
          router.refresh();
        }}
      />
    </QueryClientProvider>
  );
}
