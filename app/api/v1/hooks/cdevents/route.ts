import { hookAnswer } from "@/lib/contract/hooks";
import { fromCdEvents } from "@/lib/contract/hooks/from-cdevents";
import { readMessage, takeMessage } from "@/server/hooks/take-message";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "hooks.cdevents",
  summary: "Announce a deployment by a CDEvent, as a CloudEvent (structured or binary) or as it is",
  auth: "session",
  output: hookAnswer,
  run: async ({ ctx, request }) => takeMessage(ctx, fromCdEvents((await readMessage(request)).json())),
});
