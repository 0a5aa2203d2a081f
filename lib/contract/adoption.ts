import { z } from "zod";
import { LEFT_OUT_REASONS } from "@/lib/domain/drift/plan-adoption";
import { count, counter, digest, freeText, instant, name } from "./primitives";

/** How long the two lists of a preview are; the totals count everything. */
const listed = z.coerce.number().int().min(1).max(1_000).default(200);

export const adoptionQuery = z.strictObject({ environment: name.optional(), service: name.optional(), limit: listed });

const totals = z.strictObject({ services: count, releases: count, places: count, instances: count, leftOut: count, leftOutInstances: count });

/** One (service, environment, partition) that would get a release. `registered` when the ledger knows that release already. */
export const adoptionPlace = z.strictObject({
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  version: z.string(),
  registered: z.boolean(),
  /** Nothing but the adoption lets it run here. */
  approves: z.boolean(),
  instances: count,
  /** Copies here that are left out. */
  leftOut: count,
  /** `digests`: every digest under which hosts report these bytes. */
  components: z.array(z.strictObject({ name: z.string(), digest, repository: z.string().nullable(), digests: z.array(digest) })),
});

export const leftOutDto = z.strictObject({
  service: z.string().nullable(),
  environment: z.string(),
  partition: z.string(),
  component: z.string(),
  reason: z.enum(LEFT_OUT_REASONS),
  sentence: z.string(),
  digest: digest.nullable(),
  reference: z.string().nullable(),
  instances: count,
});

/** What an adoption would do now, worst first. `refusal` says why it would not be carried out, null when it would. */
export const adoptionPreview = z.strictObject({
  revision: z.string(),
  asOf: instant,
  totals,
  /** Copies of these services in other environments: they become findings, because the ledger knows the service from then on. */
  elsewhere: count,
  refusal: z.string().nullable(),
  places: z.array(adoptionPlace),
  leftOut: z.array(leftOutDto),
});
export type AdoptionPreview = z.infer<typeof adoptionPreview>;

export const adoptionRequest = z.strictObject({ environment: name.optional(), service: name.optional(), revision: z.string().min(1).max(40_000), reason: freeText.optional() });

/** The receipt: numbers of what one ledger entry did. */
export const adoptionReceipt = z.strictObject({ entry: counter, at: instant, services: count, releases: count, places: count, targets: count, instances: count, leftOut: count });
export type AdoptionReceipt = z.infer<typeof adoptionReceipt>;
