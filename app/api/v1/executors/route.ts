import { createExecutorRequest, createdExecutor, executorPage } from "@/lib/contract/executors";
import { createExecutor } from "@/server/executors/create-executor";
import { listExecutors } from "@/server/executors/list-executors";
import { handle } from "@/server/http/handle";

export const GET = handle({ verb: "executors.list", summary: "What carries rollouts out in place of agents, without secrets", auth: "session", output: executorPage, run: listExecutors });

export const POST = handle({
  verb: "executors.create",
  summary: "Name an executor; a webhook's secret is shown once",
  auth: "session",
  input: { body: createExecutorRequest },
  output: createdExecutor,
  status: 201,
  keepAnswer: false,
  run: ({ ctx, input }) => createExecutor({ ctx, input: input.body }),
});
