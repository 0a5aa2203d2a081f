import { parseAsString, parseAsStringLiteral } from "nuqs/server";

export const GROUP_KINDS = ["as-of", "recall", "rollback", "promote"] as const;

/** What the group is about. `at` may be written as people write a moment; the page makes it RFC 3339. */
export const groupParams = {
  kind: parseAsStringLiteral(GROUP_KINDS).withDefault("as-of"),
  environment: parseAsString,
  at: parseAsString,
  service: parseAsString,
  version: parseAsString,
  incident: parseAsString,
};
