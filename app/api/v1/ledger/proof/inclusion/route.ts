import { inclusionQuery, proofDto } from "@/lib/contract/ledger";
import { handle } from "@/server/http/handle";
import { getInclusionProof } from "@/server/ledger/read-ledger";

export const GET = handle({
  verb: "ledger.inclusion",
  summary: "That an entry is in the tree of a size",
  auth: "session",
  input: { query: inclusionQuery },
  output: proofDto,
  run: ({ ctx, input }) => getInclusionProof({ ctx, input: input.query }),
});
