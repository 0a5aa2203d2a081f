import { z } from "zod";
import { revokedDto } from "@/lib/contract/access";
import { uuid } from "@/lib/contract/primitives";
import { revokeToken } from "@/server/access/revoke-token";
import { handle } from "@/server/http/handle";

export const DELETE = handle({
  verb: "tokens.revoke",
  summary: "End an API token at once",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: revokedDto,
  run: ({ ctx, input }) => revokeToken({ ctx, input: input.params }),
});
