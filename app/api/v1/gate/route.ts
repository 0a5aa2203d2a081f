import { gateDto, gateQuery } from "@/lib/contract/gate";
import { handle } from "@/server/http/handle";
import { readGate } from "@/server/rollouts/read-gate";

export const GET = handle({
  verb: "gate.read",
  summary: "Whether a digest may be deployed at a place, and every reason against it",
  auth: "session",
  input: { query: gateQuery },
  output: gateDto,
  run: ({ ctx, input }) => readGate({ ctx, input: input.query }),
});
