import { findingPage, findingsQuery } from "@/lib/contract/fleet";
import { listFindingsPage } from "@/server/drift/list-findings";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "findings.page",
  summary: "Findings one by one, newest first",
  auth: "session",
  input: { query: findingsQuery },
  output: findingPage,
  run: ({ ctx, input }) => listFindingsPage({ ctx, input: input.query }),
});
