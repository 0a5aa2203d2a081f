import { consistencyQuery, proofDto } from "@/lib/contract/ledger";
import { handle } from "@/server/http/handle";
import { getConsistencyProof } from "@/server/ledger/read-ledger";

export const GET = handle({
  verb: "ledger.consistency",
  summary: "That the tree of one size extends another",
  auth: "session",
  input: { query: consistencyQuery },
  output: proofDto,
  run: ({ ctx, input }) => getConsistencyProof({ ctx, input: input.query }),
});
