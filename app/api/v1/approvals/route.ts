import { approvalDto, approveRequest } from "@/lib/contract/releases";
import { handle } from "@/server/http/handle";
import { approveRelease } from "@/server/releases/approve-release";

export const POST = handle({
  verb: "releases.approve",
  summary: "Approve a release for an environment",
  auth: "session",
  input: { body: approveRequest },
  output: approvalDto,
  status: 201,
  run: ({ ctx, input }) => approveRelease({ ctx, input: input.body }),
});
