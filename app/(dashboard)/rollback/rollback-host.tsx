"use client";

import dynamic from "next/dynamic";
import { formatPlace } from "./place";
import { useRollback } from "./use-rollback";

const RollbackFlow = dynamic(() => import("./rollback-flow").then((module) => module.RollbackFlow), { ssr: false });

/** Opens the rollback that the URL names, over whatever page it is. Its code arrives when it is first needed. */
export function RollbackHost() {
  const [place, setPlace] = useRollback();
  if (place === null) return null;
  return <RollbackFlow key={formatPlace(place)} place={place} onClose={() => setPlace(null)} />;
}
