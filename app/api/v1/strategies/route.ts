import { putStrategyRequest, strategiesQuery, strategyDto, strategyPage } from "@/lib/contract/strategies";
import { handle } from "@/server/http/handle";
import { listStrategies } from "@/server/policies/list-strategies";
import { putStrategy } from "@/server/policies/put-strategy";

export const GET = handle({ verb: "strategies.list", summary: "How each environment rolls out, with the versions before", auth: "session", input: { query: strategiesQuery }, output: strategyPage, run: ({ ctx, input }) => listStrategies({ ctx, input: input.query }) });

export const PUT = handle({
  verb: "strategies.write",
  summary: "Decide how an environment rolls out",
  auth: "session",
  input: { body: putStrategyRequest },
  output: strategyDto,
  run: ({ ctx, input }) => putStrategy({ ctx, input: input.body }),
});
