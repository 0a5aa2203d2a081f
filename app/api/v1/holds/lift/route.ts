import { liftHoldRequest } from "@/lib/contract/access";
import { liftedDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { liftHold } from "@/server/rollouts/lift-hold";

export const POST = handle({
  verb: "holds.lift",
  summary: "Allow promotions at a place again",
  auth: "session",
  input: { body: liftHoldRequest },
  output: liftedDto,
  run: ({ ctx, input }) => liftHold({ ctx, input: input.body }),
});
