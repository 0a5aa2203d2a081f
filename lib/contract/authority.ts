/** Who decides what runs at a place, as it travels. */
import { z } from "zod";
import { AUTHORITIES } from "@/lib/domain/rollout/statuses";
import { freeText, instant, name } from "./primitives";

export const putAuthorityRequest = z.strictObject({
  service: name,
  environment: name,
  /** This partition only; absent: all of them, also those that are declared later. */
  partition: name.optional(),
  /** `external`: what a deployer brings is followed and assigned. `plumbline`: it is drift. */
  authority: z.enum(AUTHORITIES),
  reason: freeText.optional(),
});
export type PutAuthorityRequest = z.input<typeof putAuthorityRequest>;

export const authorityDto = z.strictObject({
  service: z.string(),
  environment: z.string(),
  /** null: all partitions. */
  partition: z.string().nullable(),
  authority: z.enum(AUTHORITIES),
  /** The entry that says so; null where nobody ever said, which means `plumbline`. */
  entry: z.int().nullable(),
  at: instant.nullable(),
});
export type AuthorityDto = z.infer<typeof authorityDto>;
