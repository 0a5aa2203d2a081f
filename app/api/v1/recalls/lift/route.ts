import { liftRecallRequest, recallLiftDto } from "@/lib/contract/policies";
import { handle } from "@/server/http/handle";
import { liftRecall } from "@/server/policies/lift-recall";

export const POST = handle({ verb: "recalls.lift", summary: "Agree to lift a recall; the second person who does lifts it", auth: "session", input: { body: liftRecallRequest }, output: recallLiftDto, run: ({ ctx, input }) => liftRecall({ ctx, input: input.body }) });
