import { z } from "zod";
import { removedExecutor } from "@/lib/contract/executors";
import { uuid } from "@/lib/contract/primitives";
import { removeExecutor } from "@/server/executors/remove-executor";
import { handle } from "@/server/http/handle";

export const DELETE = handle({
  verb: "executors.remove",
  summary: "Take an executor out of use at once",
  auth: "session",
  input: { params: z.strictObject({ id: uuid }) },
  output: removedExecutor,
  run: ({ ctx, input }) => removeExecutor({ ctx, input: input.params }),
});
