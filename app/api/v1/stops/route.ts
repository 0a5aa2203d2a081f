import { stopRequest, rolloutDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { startStop } from "@/server/rollouts/start-stop";

export const POST = handle({
  verb: "rollouts.stop",
  summary: "End everything of a service at a place, and assign nothing there",
  auth: "session",
  input: { body: stopRequest },
  output: rolloutDto,
  status: 202,
  run: ({ ctx, input }) => startStop({ ctx, input: input.body }),
});
