import { parseAsString } from "nuqs/server";

export const releasesParams = { service: parseAsString.withOptions({ history: "replace" }) };
