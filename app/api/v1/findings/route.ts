import { findingsDto, findingsQuery } from "@/lib/contract/fleet";
import { listFindings } from "@/server/drift/list-findings";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "findings.list",
  summary: "Findings grouped by cause, worst first",
  auth: "session",
  input: { query: findingsQuery },
  output: findingsDto,
  run: ({ ctx, input }) => listFindings({ ctx, input: input.query }),
});
