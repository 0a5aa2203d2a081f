import { parseAsArrayOf, parseAsString, parseAsStringLiteral } from "nuqs/server";
import { DRIFT_CATEGORIES } from "@/lib/domain/drift/categories";

export const INSTANCE_CONDITIONS = [...DRIFT_CATEGORIES, "silent"] as const;

/** Filters of the instances. They replace history; coming from the matrix the environment is already set. */
export const serviceParams = {
  environment: parseAsString.withOptions({ history: "replace" }),
  /** Ids of targets that are chosen in the table. */
  selected: parseAsArrayOf(parseAsString).withDefault([]).withOptions({ history: "replace" }),
  category: parseAsStringLiteral(INSTANCE_CONDITIONS).withOptions({ history: "replace" }),
};
