import { z } from "zod";
import { closePoolRequest, poolDto } from "@/lib/contract/access";
import { name } from "@/lib/contract/primitives";
import { closePool } from "@/server/access/close-pool";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "pools.close",
  summary: "Close a pool: nobody is admitted any more",
  auth: "session",
  input: { params: z.strictObject({ pool: name }), body: closePoolRequest },
  output: poolDto,
  run: ({ ctx, input }) => closePool({ ctx, input: { ...input.body, ...input.params } }),
});
