import { freezeLifted, liftFreezeRequest } from "@/lib/contract/freezes";
import { handle } from "@/server/http/handle";
import { liftFreeze } from "@/server/policies/lift-freeze";

export const POST = handle({ verb: "freezes.lift", summary: "End a freeze", auth: "session", input: { body: liftFreezeRequest }, output: freezeLifted, run: ({ ctx, input }) => liftFreeze({ ctx, input: input.body }) });
