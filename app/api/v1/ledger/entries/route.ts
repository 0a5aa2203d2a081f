import { entriesDto, entriesQuery } from "@/lib/contract/ledger";
import { handle } from "@/server/http/handle";
import { listEntries } from "@/server/ledger/read-ledger";

export const GET = handle({
  verb: "ledger.entries",
  summary: "Ledger entries, oldest first; out of scope only their leaf",
  auth: "session",
  input: { query: entriesQuery },
  output: entriesDto,
  run: ({ ctx, input }) => listEntries({ ctx, input: input.query }),
});
