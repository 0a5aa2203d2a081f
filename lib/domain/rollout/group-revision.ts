import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalize } from "@/lib/domain/ledger/canonical-json";

/** One line of the list that a person decided on. `aim` is what would be done, null when nothing can be. */
export interface SeenMember {
  place: string;
  aim: string | null;
  from: string | null;
  to: string | null;
  allowed: boolean;
}

/** A token over a list of members, 32 hexadecimal characters: equal exactly when the same would be done in the same places. */
export function groupToken(members: readonly SeenMember[]): string {
  const lines = members.map(({ place, aim, from, to, allowed }) => [place, aim, from, to, allowed]);
  lines.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return bytesToHex(sha256(utf8ToBytes(`plumbline-group-v1\n${canonicalize(lines)}`))).slice(0, 32);
}

/** What changed between two lists, one sentence each, by place. Empty when the tokens agree. */
export function describeGroupChanges(before: readonly SeenMember[], after: readonly SeenMember[]): string[] {
  const changes: string[] = [];
  const was = new Map(before.map((member) => [member.place, member]));
  for (const now of after) {
    const then = was.get(now.place);
    was.delete(now.place);
    if (!then) changes.push(`${now.place} is new on the list: ${now.from ?? "nothing"} is assigned there now.`);
    else if (then.from !== now.from) changes.push(`${now.place} now has ${now.from ?? "nothing"} assigned (was ${then.from ?? "nothing"}).`);
    else if (then.to !== now.to) changes.push(`${now.place} would now go to ${now.to ?? "nothing"} (was ${then.to ?? "nothing"}).`);
    else if (then.aim !== now.aim) changes.push(`In ${now.place} it would now be a ${now.aim ?? "matter for its host"} (was ${then.aim ?? "a matter for its host"}).`);
    else if (then.allowed !== now.allowed) changes.push(`${now.place} ${now.allowed ? "can be started now" : "can no longer be started"}.`);
  }
  for (const place of was.keys()) changes.push(`${place} is no longer on the list: nothing is to be done there.`);
  return changes;
}
