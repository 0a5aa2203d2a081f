import { z } from "zod";
import { freeText, name } from "./primitives";

export const renameServiceRequest = z.strictObject({ to: name, reason: freeText });
export const mergeServiceRequest = z.strictObject({ into: name, reason: freeText });
export const aliasServiceRequest = z.strictObject({ alias: name, reason: freeText });
export const unaliasServiceRequest = z.strictObject({ alias: name, reason: freeText });

/** What a service is called now; `aliases` are the other names that mean it. */
export const serviceNamesDto = z.strictObject({ service: z.string(), aliases: z.array(z.string()), entry: z.int() });
export type ServiceNamesDto = z.infer<typeof serviceNamesDto>;
