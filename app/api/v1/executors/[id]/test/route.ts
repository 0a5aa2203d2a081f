import { z } from "zod";
import { testedExecutor } from "@/lib/contract/executors";
import { uuid } from "@/lib/contract/primitives";
import { testExecutor } from "@/server/executors/test-executor";
import { handle } from "@/server/http/handle";

export const POST = handle({
  verb: "executors.test",
  summary: "Try an executor out without starting anything",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: testedExecutor,
  keepAnswer: false,
  run: ({ ctx, input }) => testExecutor({ ctx, input: input.params }),
});
