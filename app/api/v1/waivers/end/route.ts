import { endWaiverRequest, waiverEnded } from "@/lib/contract/policies";
import { handle } from "@/server/http/handle";
import { endWaiver } from "@/server/policies/end-waiver";

export const POST = handle({ verb: "waivers.end", summary: "End a waiver before its time", auth: "session", input: { body: endWaiverRequest }, output: waiverEnded, run: ({ ctx, input }) => endWaiver({ ctx, input: input.body }) });
