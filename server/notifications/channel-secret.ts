import type { z } from "zod";
import type { Destination } from "@/server/outbound/sender";

/** Where a channel's secret belongs, for sealing it. */
export function secretContext(channelId: string): string {
  return `channel:${channelId}`;
}

/** The opened secret of a channel. @throws Error when it is not what its kind needs */
export function readSecret<T extends z.ZodType>(schema: T, destination: Destination): z.output<T> {
  const parsed = schema.safeParse(destination.secret === null ? null : JSON.parse(destination.secret));
  // Said without what is wrong about it: that could be a part of it.
  if (!parsed.success) throw new Error(`the secret of the channel ${destination.id} is not that of its kind`);
  return parsed.data;
}

/** What of a URL gives access: all but its host. */
export function urlSecrets(url: string): string[] {
  const { pathname, search } = new URL(url);
  return [url, `${pathname}${search}`, pathname, ...pathname.split("/").filter((part) => part.length >= 8), search];
}
