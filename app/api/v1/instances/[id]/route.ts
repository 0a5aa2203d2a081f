import { z } from "zod";
import { instanceDetail } from "@/lib/contract/fleet";
import { getInstance } from "@/server/drift/get-instance";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "instances.get",
  summary: "One running copy with its last 24 hours",
  auth: "session",
  input: { params: z.strictObject({ id: z.uuid() }) },
  output: instanceDetail,
  run: ({ ctx, input }) => getInstance({ ctx, input: input.params }),
});
