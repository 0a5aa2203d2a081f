import type { Tx } from "@/server/db";
import { desiredOf, type CombinationKey, type DesiredHere } from "./combination";

type Place = Pick<CombinationKey, "serviceId" | "environmentId" | "partition">;

/** What is assigned to services whose containers run in other services' targets: a mesh proxy, a log shipper. */
export async function readAssignments(tx: Tx, places: readonly Place[]): Promise<(place: Place) => DesiredHere> {
  if (places.length === 0) return () => desiredOf(null, false);
  const rows = await tx.$queryRaw<{ service_id: string; environment_id: string; partition: string; release_id: string | null }[]>`
    SELECT service_id::text, environment_id::text, partition::text, release_id::text FROM assignments WHERE service_id = ANY(${[...new Set(places.flatMap(({ serviceId }) => serviceId ?? []))]}::uuid[])`;
  const byPlace = new Map(rows.map((row) => [`${row.service_id} ${row.environment_id} ${row.partition}`, row]));
  return ({ serviceId, environmentId, partition }) => {
    const row = byPlace.get(`${serviceId} ${environmentId} ${partition}`);
    return desiredOf(row ? { releaseId: row.release_id } : null, false);
  };
}
