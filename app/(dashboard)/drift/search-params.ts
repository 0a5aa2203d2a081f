import { parseAsString, parseAsStringLiteral } from "nuqs/server";
import { FINDING_KINDS } from "@/lib/domain/drift/categories";

/** Filters replace history. */
export const driftParams = {
  service: parseAsString.withOptions({ history: "replace" }),
  environment: parseAsString.withOptions({ history: "replace" }),
  kind: parseAsStringLiteral(FINDING_KINDS).withOptions({ history: "replace" }),
};
