import { statusDto, statusQuery } from "@/lib/contract/fleet";
import { getStatus } from "@/server/drift/get-status";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "status.get",
  summary: "Whether everything is as assigned",
  auth: "session",
  input: { query: statusQuery },
  output: statusDto,
  run: ({ ctx, input }) => getStatus({ ctx, input: input.query }),
});
