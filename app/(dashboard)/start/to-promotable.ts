import type { ReleaseDto } from "@/lib/contract/releases";
import type { RolloutPreview } from "@/lib/contract/rollouts";

export type Candidate = RolloutPreview["candidates"][number];

/** Why a release may not be promoted here, as far as its own record says; the server asks again when it starts. */
function refuse(release: ReleaseDto, environment: string, assigned: string | null): Candidate["reasons"] {
  const { version } = release;
  if (release.recalled) return [{ reason: "recalled", sentence: "It is recalled and may not be assigned anywhere." }];
  if (version === assigned) return [{ reason: "identical", sentence: "It is assigned here." }];
  const approval = release.approvals.find((one) => one.environment === environment);
  if (approval?.approved) return [];
  return [{ reason: "not-approved", sentence: approval ? `It has ${approval.standing} of ${approval.required} approvals for ${environment}.` : `It is not approved for ${environment}.` }];
}

/** Releases of a service as what may be promoted to an environment, in the order given: newest first. */
export function toPromotable(releases: readonly ReleaseDto[], environment: string, assigned: string | null): Candidate[] {
  return releases.map((release) => {
    const reasons = refuse(release, environment, assigned);
    const main = release.components.find((component) => component.name === "main") ?? release.components[0];
    return { id: release.id, version: release.version, digest: main?.digest ?? null, ...(release.adopted && { adopted: true as const }), lastKnownGood: false, eligible: reasons.length === 0, reasons };
  });
}
