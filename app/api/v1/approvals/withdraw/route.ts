import { approvalDto, withdrawRequest } from "@/lib/contract/releases";
import { handle } from "@/server/http/handle";
import { withdrawApproval } from "@/server/releases/withdraw-approval";

export const POST = handle({
  verb: "releases.withdraw",
  summary: "Withdraw the approvals of a release in an environment",
  auth: "session",
  input: { body: withdrawRequest },
  output: approvalDto,
  run: ({ ctx, input }) => withdrawApproval({ ctx, input: input.body }),
});
