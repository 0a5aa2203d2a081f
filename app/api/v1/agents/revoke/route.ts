import { revokeAgentRequest, revokedDto } from "@/lib/contract/access";
import { revokeAgent } from "@/server/access/revoke-agent";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "agents.revoke",
  summary: "End an agent's right to report and to act",
  auth: "session",
  input: { body: revokeAgentRequest },
  output: revokedDto,
  run: ({ ctx, input }) => revokeAgent({ ctx, input: input.body }),
});
