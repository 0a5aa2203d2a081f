import { z } from "zod";
import { describeChanges, revisionToken, type Revision } from "@/lib/domain/rollout/revision-token";

export type { Revision } from "@/lib/domain/rollout/revision-token";

const MAX_LENGTH = 2_000;
const side = z.object({ release: z.string(), version: z.string() }).nullable();
const revisionSchema = z.object({
  distribution: z.array(z.object({ release: z.string().nullable(), version: z.string().nullable(), targets: z.number() })),
  assigned: side,
  target: side,
  ledgerSize: z.number(),
  rollouts: z.array(z.object({ id: z.string(), status: z.string() })),
  policy: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** What a page carries: the token and, when it is short enough, what it stands for, so that a refusal can say what changed. */
export function encodeRevision(revision: Revision): string {
  const token = revisionToken(revision);
  const full = `${token}.${Buffer.from(JSON.stringify(revision)).toString("base64url")}`;
  return full.length <= MAX_LENGTH ? full : token;
}

/** Holds what the caller decided on against what stands now. */
export function compareRevision(expected: string | null, now: Revision): { expected: string | null; current: string; changes: string[] } {
  const current = revisionToken(now);
  const [token = "", encoded] = expected?.split(".") ?? [];
  if (expected === null || token === current) return { expected: expected === null ? null : token, current, changes: [] };
  const before = encoded === undefined ? null : decode(encoded);
  // Only a content that its token stands for is believed.
  const known = before && revisionToken(before) === token;
  return { expected: token, current, changes: known ? describeChanges(before, now) : [] };
}

function decode(encoded: string): Revision | null {
  const text = Buffer.from(encoded, "base64url").toString("utf8");
  try {
    return revisionSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
