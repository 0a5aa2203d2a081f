import { z } from "zod";
import { uuid } from "@/lib/contract/primitives";
import { groupDto } from "@/lib/contract/rollouts";
import { handle } from "@/server/http/handle";
import { getGroup } from "@/server/rollouts/groups/get-group";

export const GET = handle({
  verb: "rollout-groups.get",
  summary: "The receipt of one confirmation for several services",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: groupDto,
  run: ({ ctx, input }) => getGroup({ ctx, input: input.params }),
});
