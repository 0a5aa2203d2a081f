import { checkpointDto } from "@/lib/contract/ledger";
import { handle } from "@/server/http/handle";
import { getCheckpoint } from "@/server/ledger/read-ledger";

export const GET = handle({
  verb: "ledger.checkpoint",
  summary: "The newest signed checkpoint and the key to verify it",
  auth: "session",
  output: checkpointDto,
  run: getCheckpoint,
});
