/** Doors for deployers that call Plumbline, as they travel. */
import { z } from "zod";
import { announcementDto } from "./deployments";
import { instant, name, page, uuid } from "./primitives";

const pattern = z.string().regex(/^[a-z0-9._*-]{1,64}$/, "a name, in which * stands for any characters").default("*");

/** A hook for a sender that signs instead of sending a token. Whoever calls it may announce deployments of these services to these environments. */
export const createHookRequest = z.strictObject({ name, kind: z.enum(["github"]), service: pattern, environment: pattern });
export const hookDto = z.strictObject({
  id: uuid,
  name: z.string(),
  kind: z.enum(["github"]),
  service: z.string(),
  environment: z.string(),
  /** Where the sender calls. */
  url: z.string(),
  createdBy: z.string(),
  createdAt: instant,
  lastCalledAt: instant.nullable(),
});
export type HookDto = z.infer<typeof hookDto>;
export const hookPage = page(hookDto);
/** `secret`: what the sender signs with, here and nowhere else. */
export const createdHook = hookDto.extend({ secret: z.string() });
export type CreatedHook = z.infer<typeof createdHook>;
export const removedHook = z.strictObject({ id: uuid, removedAt: instant });

/** What came of a message: an announcement, or null and why not. */
export const hookAnswer = z.strictObject({ sentence: z.string(), announcement: announcementDto.nullable() });
export type HookAnswer = z.infer<typeof hookAnswer>;
