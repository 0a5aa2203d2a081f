import { z } from "zod";
import { servicePage } from "@/lib/contract/fleet";
import { cursor, limit } from "@/lib/contract/primitives";
import { listServices } from "@/server/drift/list-services";
import { handle } from "@/server/http/handle";

export const GET = handle({
  verb: "services.list",
  summary: "Services by name",
  auth: "session",
  input: { query: z.strictObject({ limit, cursor: cursor.optional() }) },
  output: servicePage,
  run: ({ ctx, input }) => listServices({ ctx, input: input.query }),
});
