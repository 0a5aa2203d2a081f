import { parseAsString, parseAsStringLiteral } from "nuqs/server";

export const ROLLOUT_FILTERS = ["active", "finished"] as const;

export const rolloutsParams = {
  status: parseAsStringLiteral(ROLLOUT_FILTERS).withOptions({ history: "replace" }),
  service: parseAsString.withOptions({ history: "replace" }),
};
