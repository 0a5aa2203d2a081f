import { recallDto, recallRequest } from "@/lib/contract/releases";
import { handle } from "@/server/http/handle";
import { recallRelease } from "@/server/releases/recall-release";

export const POST = handle({
  verb: "releases.recall",
  summary: "Recall a release: it may not be assigned anywhere",
  auth: "session",
  input: { body: recallRequest },
  output: recallDto,
  status: 201,
  run: ({ ctx, input }) => recallRelease({ ctx, input: input.body }),
});
