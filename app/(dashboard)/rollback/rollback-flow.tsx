"use client";

import { StartFlow } from "@/app/(dashboard)/start/start-flow";
import type { Place } from "./place";

export interface RollbackFlowProps {
  place: Place;
  initialIncident?: string;
  initialReason?: string;
  onClose: () => void;
}

/** A rollback from the preview to the receipt, for a page that opens nothing else. */
export function RollbackFlow({ place, ...rest }: RollbackFlowProps) {
  return <StartFlow start={{ kind: "rollback", ...place, version: null, targets: null }} {...rest} />;
}
