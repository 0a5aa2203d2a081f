import { desiredQuery, desiredResponse, progressReport } from "@/lib/contract/agent";
import { handle } from "@/server/http/handle";
import { recordProgress } from "@/server/rollouts/record-progress";
import { waitDesired } from "./wait-desired";

/** GET /api/agent/v1/desired */
export const getDesired = handle({
  verb: "agent.desired",
  summary: "The signed desired state, as soon as it is newer than what the agent holds; 204 when nothing newer came",
  auth: "agent",
  input: { query: desiredQuery },
  output: desiredResponse,
  run: ({ ctx, input, request }) => waitDesired({ ctx, input: input.query, signal: request.signal }),
});

/** POST /api/agent/v1/progress */
export const postProgress = handle({
  verb: "agent.progress",
  summary: "What the executor does with its targets, what it holds and what it refuses",
  auth: "agent",
  input: { body: progressReport },
  status: 204,
  run: ({ ctx, input }) => recordProgress({ ctx, input: input.body }),
});
