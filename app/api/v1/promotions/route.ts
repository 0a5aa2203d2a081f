import { promoteRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { promoteRelease } from "@/server/rollouts/promote-release";

export const POST = handle({
  verb: "rollouts.promote",
  summary: "Assign an approved release and carry it out",
  auth: "session",
  input: { body: promoteRequest },
  output: rolloutDto,
  status: 202,
  run: ({ ctx, input }) => promoteRelease({ ctx, input: input.body }),
});
