/** What deployers say of deployments that they carry out, as it travels. */
import { z } from "zod";
import { ANNOUNCED_STATUSES, ROLLOUT_STATUSES } from "@/lib/domain/rollout/statuses";
import { cursor, digest, httpUrl, instant, limit, name, page, partition, shortText, uuid } from "./primitives";

/**
 * What came of an announcement: `followed` by a rollout; `there-already`, which opens none; `refused`, with the reason;
 * `noted`, because nothing of it is known.
 */
export const ANNOUNCEMENT_OUTCOMES = ["followed", "there-already", "refused", "noted"] as const;

const externalId = z.string().trim().min(1).max(300).regex(/^[^\p{Cc}]*$/u, "must not hold control characters");
/** A Git commit, in full: the release whose `commits.head` it is. */
const commit = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "must be a whole commit hash");

export const announceRequest = z
  .strictObject({
    service: name,
    environment: name,
    partition,
    /** What is deployed: one of these three. */
    version: z.string().min(1).max(128).optional(),
    digest: digest.optional(),
    commit: commit.optional(),
    /** A hint: what runs decides. `succeeded` opens a rollout too, where none is followed yet. */
    status: z.enum(ANNOUNCED_STATUSES),
    /** The sender's own name for this one deployment; the same again at the same place is the same deployment. */
    externalId,
    /** Who deploys, as people call it: "Argo CD". */
    tool: shortText.optional(),
    /** Who started it there. */
    by: shortText.optional(),
    /** Where it can be watched. */
    url: httpUrl.optional(),
    at: instant.optional(),
  })
  .refine(({ version, digest: bytes, commit: head }) => [version, bytes, head].filter((one) => one !== undefined).length === 1, { message: "name exactly one of version, digest and commit", path: ["version"] });
export type AnnounceRequest = z.input<typeof announceRequest>;

export const announcementDto = z.strictObject({
  id: uuid,
  service: z.string(),
  environment: z.string(),
  partition: z.string(),
  version: z.string(),
  externalId: z.string(),
  status: z.enum(ANNOUNCED_STATUSES),
  outcome: z.enum(ANNOUNCEMENT_OUTCOMES),
  /** What came of it, in words. */
  sentence: z.string(),
  tool: z.string().nullable(),
  by: z.string().nullable(),
  url: z.string().nullable(),
  rollout: z.strictObject({ id: uuid, number: z.int(), status: z.enum(ROLLOUT_STATUSES) }).nullable(),
  at: instant,
  receivedAt: instant,
});
export type AnnouncementDto = z.infer<typeof announcementDto>;

export const announcementsQuery = z.strictObject({ service: name.optional(), environment: name.optional(), cursor: cursor.optional(), limit });
export const announcementPage = page(announcementDto);
