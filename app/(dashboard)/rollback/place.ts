import { createParser } from "nuqs/server";
import { DEFAULT_PARTITION, isName } from "@/lib/domain/fleet/names";

/** Where something is assigned. */
export interface Place {
  service: string;
  environment: string;
  partition: string;
}

/** `payments/production/default`, as in the URL; null when it is not that. The partition may be left out. */
export function parsePlace(text: string): Place | null {
  const [service, environment, partition = DEFAULT_PARTITION, ...rest] = text.split("/");
  if (service === undefined || environment === undefined || rest.length > 0) return null;
  return isName(service) && isName(environment) && isName(partition) ? { service, environment, partition } : null;
}

export function formatPlace(place: Place): string {
  return `${place.service}/${place.environment}/${place.partition}`;
}

/** The dialog's state in the URL, so that it survives a reload and can be sent to somebody. */
export const placeParser = createParser<Place>({
  parse: parsePlace,
  serialize: formatPlace,
  eq: (a, b) => formatPlace(a) === formatPlace(b),
}).withOptions({ history: "push", scroll: false });
