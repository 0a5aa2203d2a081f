import { createPoolRequest, poolDto } from "@/lib/contract/access";
import { page } from "@/lib/contract/primitives";
import { createPool } from "@/server/access/create-pool";
import { listPools } from "@/server/access/list-pools";
import { handle } from "@/server/http/handle";

export const GET = handle({ verb: "pools.list", summary: "Groups of hosts that may report", auth: "session", output: page(poolDto), run: listPools });

export const POST = handle({
  verb: "pools.create",
  summary: "Admit a group of hosts",
  auth: "session",
  input: { body: createPoolRequest },
  output: poolDto,
  status: 201,
  run: ({ ctx, input }) => createPool({ ctx, input: input.body }),
});
