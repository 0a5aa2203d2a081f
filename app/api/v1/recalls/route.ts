import { recallPage, recallsQuery } from "@/lib/contract/policies";
import { recallDto, recallRequest } from "@/lib/contract/releases";
import { handle } from "@/server/http/handle";
import { listRecalls } from "@/server/policies/list-recalls";
import { recallRelease } from "@/server/releases/recall-release";

export const GET = handle({ verb: "recalls.list", summary: "Recalled releases, and where each still runs", auth: "session", input: { query: recallsQuery }, output: recallPage, run: ({ ctx, input }) => listRecalls({ ctx, input: input.query }) });

export const POST = handle({
  verb: "releases.recall",
  summary: "Recall a release: it may not be assigned anywhere",
  auth: "session",
  input: { body: recallRequest },
  output: recallDto,
  status: 201,
  run: ({ ctx, input }) => recallRelease({ ctx, input: input.body }),
});
