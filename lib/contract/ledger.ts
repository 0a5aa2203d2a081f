import { z } from "zod";
import { instant, limit, counter } from "./primitives";

export const entriesQuery = z.strictObject({ from: z.coerce.number().int().min(0).default(0), limit });
/** One exported line: `bytes` is base64 of the exact entry, absent where the reader has no right to it. */
export const entryDto = z.strictObject({ index: counter, bytes: z.string().nullable(), leaf: z.string() });
export const entriesDto = z.strictObject({ items: z.array(entryDto), nextCursor: z.string().nullable(), size: counter });
export const checkpointDto = z.strictObject({ note: z.string(), vkey: z.string(), size: counter, root: z.string(), signedAt: instant });
export type CheckpointDto = z.infer<typeof checkpointDto>;
export const inclusionQuery = z.strictObject({ index: z.coerce.number().int().min(0), size: z.coerce.number().int().min(1) });
export const consistencyQuery = z.strictObject({ from: z.coerce.number().int().min(0), to: z.coerce.number().int().min(1) });
export const proofDto = z.strictObject({ hashes: z.array(z.string()) });
