import { z } from "zod";
import { agentPage } from "@/lib/contract/fleet";
import { cursor, limit } from "@/lib/contract/primitives";
import { listAgents } from "@/server/drift/list-agents";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "agents.list",
  summary: "Who reports, and how fresh it is",
  auth: "session",
  input: { query: z.strictObject({ limit, cursor: cursor.optional() }) },
  output: agentPage,
  run: ({ ctx, input }) => listAgents({ ctx, input: input.query }),
});
