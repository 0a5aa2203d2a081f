import { z } from "zod";
import { changePoolRequest, poolDto } from "@/lib/contract/access";
import { name } from "@/lib/contract/primitives";
import { changePool } from "@/server/access/change-pool";
import { handle } from "@/server/http/handle";

export const PATCH = handle({
  verb: "pools.change",
  summary: "Change the limits of a pool; what is left out stays",
  auth: "session",
  input: { params: z.strictObject({ pool: name }), body: changePoolRequest },
  output: poolDto,
  run: ({ ctx, input }) => changePool({ ctx, input: { ...input.body, ...input.params } }),
});
