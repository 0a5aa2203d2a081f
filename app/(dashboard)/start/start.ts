import { createParser } from "nuqs/server";
import { formatPlace, parsePlace } from "@/app/(dashboard)/rollback/place";
import type { Place } from "@/app/(dashboard)/rollback/place";
import { ROLLOUT_KINDS } from "@/lib/domain/rollout/statuses";
import type { RolloutKind } from "@/lib/domain/rollout/statuses";

/** Something that may be started at one place, before anybody decided. */
export interface Start extends Place {
  kind: RolloutKind;
  /** The release to begin with; null for the one that the server proposes. */
  version: string | null;
  /** Only these targets, by id; null for all of them. */
  targets: readonly string[] | null;
}

const TARGET_ID = /^[0-9]{1,19}$/;

/**
 * `promote:payments/production/default`, as in the URL, followed by `@1.43.0` for a release or `!12,15` for targets; null
 * when it is not that. A version may hold every character but a blank, so it stands last.
 */
export function parseStart(text: string): Start | null {
  const colon = text.indexOf(":");
  const kind = ROLLOUT_KINDS.find((one) => one === text.slice(0, colon));
  const [, where = "", mark, rest = ""] = /^([^@!]*)(?:([@!])(.*))?$/.exec(text.slice(colon + 1)) ?? [];
  const place = parsePlace(where);
  if (!kind || !place) return null;
  if (mark === undefined) return { kind, ...place, version: null, targets: null };
  if (mark === "@") return rest === "" || rest.length > 128 ? null : { kind, ...place, version: rest, targets: null };
  const targets = rest.split(",");
  return targets.every((id) => TARGET_ID.test(id)) ? { kind, ...place, version: null, targets } : null;
}

export function formatStart(start: Start): string {
  const where = `${start.kind}:${formatPlace(start)}`;
  if (start.targets) return `${where}!${start.targets.join(",")}`;
  return start.version === null ? where : `${where}@${start.version}`;
}

/** The dialog's state in the URL, so that it survives a reload and can be sent to somebody. */
export const startParser = createParser<Start>({
  parse: parseStart,
  serialize: formatStart,
  eq: (a, b) => formatStart(a) === formatStart(b),
}).withOptions({ history: "push", scroll: false });
