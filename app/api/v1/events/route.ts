import { streamEvents } from "@/server/changes/stream-events";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "events.stream",
  summary: "Server-sent events: hello, change (what moved, by key), reset (refetch everything)",
  auth: "session",
  run: streamEvents,
});
