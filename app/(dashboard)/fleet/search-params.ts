import { parseAsBoolean, parseAsString } from "nuqs/server";

/** Filters of the matrix. They replace history: Back leaves the page. */
export const fleetParams = {
  q: parseAsString.withDefault("").withOptions({ history: "replace", throttleMs: 200 }),
  deviating: parseAsBoolean.withDefault(false).withOptions({ history: "replace" }),
};
