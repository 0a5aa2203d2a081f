import { enrolRequest, enrolResponse, inventoryReport, inventoryResponse, leaveRequest } from "@/lib/contract/agent";
import { AppError } from "@/server/errors";
import { handle } from "@/server/http/handle";
import { peerOf } from "@/server/http/peer";
import { hitLimit } from "@/server/http/request-limits";
import { enrolAgent } from "./enrol-agent";
import { leaveFleet } from "./leave-fleet";
import { recordInventory } from "./record-inventory";

const FAILURES = { max: 30, windowMs: 60_000 };

/** POST /api/agent/v1/enroll */
export const postEnroll = handle({
  verb: "agent.enrol",
  summary: "Exchange an enrolment token for an agent's identity",
  auth: "none",
  input: { body: enrolRequest },
  output: enrolResponse,
  status: 201,
  run: async ({ ctx, input, request }) => {
    try {
      return await enrolAgent({ ctx, input: input.body, peer: peerOf(request) });
    } catch (error) {
      if (error instanceof AppError && error.kind === "unauthenticated") await hitLimit(ctx, `enrol:${peerOf(request) ?? "unknown"}`, FAILURES);
      throw error;
    }
  },
});

/** POST /api/agent/v1/inventory */
export const postInventory = handle({
  verb: "agent.report",
  summary: "Report what runs in one scope",
  auth: "agent",
  input: { body: inventoryReport },
  output: inventoryResponse,
  run: ({ ctx, input }) => recordInventory({ ctx, input: input.body }),
});

/** POST /api/agent/v1/leave */
export const postLeave = handle({
  verb: "agent.leave",
  summary: "Leave the fleet",
  auth: "agent",
  input: { body: leaveRequest },
  run: ({ ctx, input }) => leaveFleet({ ctx, input: input.body }),
});
