import { handle, Reply } from "@/server/http/handle";
import { exportLedger } from "@/server/ledger/read-ledger";

export const GET = handle({
  verb: "ledger.export",
  summary: "The whole log as JSON lines, closed by a signed checkpoint, for offline verification",
  auth: "session",
  run: async ({ ctx }) => new Reply(await exportLedger({ ctx }), { raw: true, headers: { "content-type": "application/x-ndjson", "content-disposition": 'attachment; filename="plumbline-ledger.ndjson"' } }),
});
