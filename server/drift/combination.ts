import { Prisma } from "@/server/db";

/** One distinct set of facts that instances share, and what their target should run: the key of a verdict. */
export type CombinationKey = {
  /** A name of no service in the ledger stays text; null where nothing says. */
  serviceName: string | null;
  serviceId: string | null;
  environmentId: string;
  partition: string;
  component: string;
  imageId: bigint;
  desiredKind: "none" | "nothing" | "release";
  desiredReleaseId: string | null;
  /** Not covered by any decision, although the service is assigned here. */
  unexpected: boolean;
  mutated: boolean;
  settingsDigest: string | null;
  declaredMatches: boolean | null;
  /** The rule by which nobody judges it; it then has no service and nothing is wanted. */
  ignoredBy: string | null;
};

/** The key of what a rule ignores: which bytes run, where, and by which rule. Nothing is wanted of it. */
export function ignoredKey(key: CombinationKey): CombinationKey {
  return { ...key, serviceName: null, serviceId: null, desiredKind: "none", desiredReleaseId: null, unexpected: false, declaredMatches: null };
}

/** The unique columns as one text, to group by. The service's id follows from its name. */
export function combinationText(key: CombinationKey): string {
  return JSON.stringify([
    key.serviceName, key.environmentId, key.partition, key.component, key.imageId.toString(), key.desiredKind,
    key.desiredReleaseId, key.unexpected, key.mutated, key.settingsDigest, key.declaredMatches, key.ignoredBy,
  ]);
}

/** The columns of `combinations` as they are read for a key. */
export type CombinationRow = {
  id: bigint;
  service_name: string | null;
  service_id: string | null;
  environment_id: string;
  partition: string;
  component: string;
  image_id: bigint;
  desired_kind: "none" | "nothing" | "release";
  desired_release_id: string | null;
  unexpected: boolean;
  mutated: boolean;
  settings_digest: string | null;
  declared_matches: boolean | null;
  ignored_by: string | null;
};

/** These columns of `combinations c`, for a SELECT. */
export const COMBINATION_COLUMNS = Prisma.sql`c.id, c.service_name, c.service_id::text, c.environment_id::text, c.partition, c.component, c.image_id, c.desired_kind,
  c.desired_release_id::text, c.unexpected, c.mutated, c.settings_digest, c.declared_matches, c.ignored_by`;

export function keyOfRow(row: CombinationRow): CombinationKey {
  return {
    serviceName: row.service_name,
    serviceId: row.service_id,
    environmentId: row.environment_id,
    partition: row.partition,
    component: row.component,
    imageId: row.image_id,
    desiredKind: row.desired_kind,
    desiredReleaseId: row.desired_release_id,
    unexpected: row.unexpected,
    mutated: row.mutated,
    settingsDigest: row.settings_digest,
    declaredMatches: row.declared_matches,
    ignoredBy: row.ignored_by,
  };
}

/** What a target's own rows say should run, for the service that it belongs to. */
export type DesiredHere = Pick<CombinationKey, "desiredKind" | "desiredReleaseId" | "unexpected">;

/**
 * @param row the target's desired row, null when no decision covers it
 * @param assigned whether a release is assigned to its service here
 */
export function desiredOf(row: { releaseId: string | null } | null, assigned: boolean): DesiredHere {
  if (row === null) return { desiredKind: "none", desiredReleaseId: null, unexpected: assigned };
  return { desiredKind: row.releaseId === null ? "nothing" : "release", desiredReleaseId: row.releaseId, unexpected: false };
}
