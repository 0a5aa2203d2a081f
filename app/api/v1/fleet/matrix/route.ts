import { matrixDto } from "@/lib/contract/fleet";
import { getMatrix } from "@/server/drift/get-matrix";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "fleet.matrix",
  summary: "What is assigned and what runs, by service and environment",
  auth: "session",
  output: matrixDto,
  run: ({ ctx }) => getMatrix({ ctx }),
});
