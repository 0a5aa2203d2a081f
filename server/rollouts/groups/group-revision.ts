import { z } from "zod";
import { describeGroupChanges, groupToken, type SeenMember } from "@/lib/domain/rollout/group-revision";
import { AppError } from "@/server/errors";

const MAX_LENGTH = 100_000;
const seen = z.array(z.tuple([z.string(), z.string().nullable(), z.string().nullable(), z.string().nullable(), z.boolean()]));

/** What a page carries: the token and the list that it stands for, so that a refusal can say what changed. */
export function encodeGroupRevision(members: readonly SeenMember[]): string {
  const token = groupToken(members);
  const list = members.map(({ place, aim, from, to, allowed }) => [place, aim, from, to, allowed]);
  const full = `${token}.${Buffer.from(JSON.stringify(list)).toString("base64url")}`;
  return full.length <= MAX_LENGTH ? full : token;
}

/** @throws AppError conflict `stale-view` with what changed, when the list is not the one that was decided on */
export function refuseStaleGroup(expected: string, members: readonly SeenMember[]): void {
  const [token = "", encoded] = expected.split(".");
  if (token === groupToken(members)) return;
  const before = encoded === undefined ? null : decode(encoded);
  // Only a list that its token stands for is believed.
  const changes = before && groupToken(before) === token ? describeGroupChanges(before, members) : [];
  const changed = changes.length > 0 ? changes : ["The list is another one than you saw."];
  throw new AppError("conflict", "Something changed since you looked.", { type: "stale-view", changed });
}

function decode(encoded: string): SeenMember[] | null {
  try {
    const list = seen.safeParse(JSON.parse(Buffer.from(encoded, "base64url").toString("utf8")));
    return list.data?.map(([place, aim, from, to, allowed]) => ({ place, aim, from, to, allowed })) ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
